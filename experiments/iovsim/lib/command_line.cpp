// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <iostream>

#include "experiments/iovsim/lib/commands.h"
#include "experiments/iovsim/lib/point.h"
#include "experiments/iovsim/lib/translate_command.h"

namespace iov::experiment {

namespace {

constexpr const char* examples = R"(
Examples:
  iovsim run experiments/path_comparison.json            all points, on all cores
  iovsim run experiments/path_comparison.json -j 1 --set nic0.dma_engine.tags=32 --out /tmp/few_tags
  iovsim run results/path_comparison/points/sriov_64_transmit/config.json      one point again
  iovsim check experiments/*.json platforms/*.json       find mistakes without running
  iovsim describe nic                                    every parameter of a kind of module
  iovsim translate platforms/server_10g.json --requester 01:10.0 --address 0x1000     why does my DMA fault?
  iovsim plot results/path_comparison                    redraw the figures
  iovsim lspci platforms/server_10g.json --after-boot > dump; lspci -F dump -vvv       its PCI functions

Exit codes: 0 good, 1 an expectation failed, 2 bad input (or output that cannot be written), 3 an invariant broke or a point died.)";

std::string not_negative(const std::string& text) {
  double value = 0;
  const bool number = CLI::detail::lexical_cast(text, value);
  return number && value >= 0 && value <= 1e9 ? std::string() : text + " is not a number of seconds from 0 to 1e9";
}

struct CommandLine {
  CLI::App app{"iovsim -- a simulator of I/O virtualization, from the guest driver to the wire"};
  RunRequest run;
  std::vector<std::string> check_files, check_set, lspci_set;
  std::string lspci_file;
  platform::LspciRequest lspci;
  TranslateRequest translate;
  std::string kind, plot_folder, point_folder, point_fingerprint, build_file;

  explicit CommandLine(const std::string& version) {
    app.footer(examples);
    app.set_version_flag("--version", "iovsim " + version);
    app.require_subcommand(1);
    add_run();
    add_translate();
    auto* check_command = app.add_subcommand("check", "check experiment, platform and configuration files");
    check_command->add_option("files", check_files, "files")->required();
    check_command->add_option("--set", check_set, "key.path=value, as in run")->allow_extra_args(false);
    app.add_subcommand("describe", "show every parameter: type, range, default, meaning, source")
        ->add_option("kind", kind, "of module; all kinds without it");
    app.add_subcommand("list", "list I/O paths, kinds of module, platforms, experiments, configurations");
    app.add_subcommand("plot", "redraw the figures of an experiment")
        ->add_option("folder", plot_folder, "results of a run")
        ->required();
    add_lspci();
    auto* point = app.add_subcommand("point", "")->group("");  // hidden: what run starts for each point
    point->add_option("folder", point_folder)->required();
    point->add_option("fingerprint", point_fingerprint)->required();
    app.add_subcommand("build", "")->group("")->add_option("file", build_file)->required();  // hidden: of check
  }

 private:
  void add_lspci() {
    auto* command = app.add_subcommand("lspci", "print the configuration space of every PCI function, as lspci -xxxx does");
    command->add_option("platform", lspci_file, "platform or experiment file")->required();
    command->add_flag("--after-boot", lspci.after_boot,
                      "after enumeration, with VFs enabled and assigned; else as the devices leave reset");
    command->add_option("--guest", lspci.guest, "what this VM sees of its function, after boot");
    command->add_option("--set", lspci_set, "key.path=value, as in run")->allow_extra_args(false);
  }
  void add_run() {
    auto* command = app.add_subcommand("run", "run an experiment, or one point from its config.json or platform file");
    command->add_option("experiment", run.file, "experiment file")->required();
    command->add_option("-j,--jobs", run.jobs, "points at a time (default: one per core)");
    command->add_option("--set", run.set, "key.path=value above everything else; may be repeated")->allow_extra_args(false);
    command->add_option("--out", run.out, "folder for the results (default: results/<experiment>)");
    command->add_flag("--fresh", run.fresh, "run points again that are done already");
    command->add_flag("--plot", run.plot, "draw the figures afterwards");
    command->add_option("--time-limit", run.time_limit, "seconds for one point, 0 or more; 0: none")
        ->check(not_negative)
        ->capture_default_str();
  }
  void add_translate() {
    TranslateRequest& t = translate;
    auto* command = app.add_subcommand("translate", "ask the IOMMU: every table entry it reads for an access, and the outcome");
    command->add_option("file", t.file, "a platform, a point's config.json, or a dump: registers, memory, requests (user guide)")
        ->required();
    command->add_option("--requester", t.requester, "bus:device.function, as 01:00.0");
    command->add_option("--pasid", t.pasid, "PASID of the request");
    command->add_option("--address", t.address, "asked for, 0x... or decimal");
    command->add_flag("--write", t.write, "a write; otherwise a read");
    command->add_flag("--execute", t.execute, "an instruction fetch");
    command->add_option("--at", t.at, "untranslated, translated or request (ATS)")->capture_default_str();
    command->add_option("--msi", t.msi, "an interrupt message instead: ADDRESS DATA")->expected(2);
    command->add_option("--after", t.after, "run the platform for so long first")->capture_default_str();
    command->add_option("--set", t.set, "key.path=value, as in run")->allow_extra_args(false);
    command->add_flag("--json", t.json, "print one JSON object");
  }
};

/// What was typed in place of a command, when it is none; empty: nothing was.
std::string unknown_command(const CLI::App& app, int argc, char* argv[]) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App* c) { return !c->get_group().empty(); }))
    known.push_back(command->get_name());
  for (int i = 1; i < argc; ++i)
    if (argv[i][0] != '-') return platform::unknown_name("command", argv[i], known);
  return {};
}

int dispatch(const Program& program, const CommandLine& line) {
  if (line.app.got_subcommand("run")) return run(program, line.run);
  if (line.app.got_subcommand("translate")) return translate(program, line.translate);
  if (line.app.got_subcommand("check")) return check(program, line.check_files, line.check_set);
  if (line.app.got_subcommand("describe")) return describe(program, line.kind);
  if (line.app.got_subcommand("list")) return list(program);
  if (line.app.got_subcommand("plot")) return plot(line.plot_folder);
  if (line.app.got_subcommand("build")) return build_point(program, line.build_file);
  if (line.app.got_subcommand("lspci")) return lspci(program, line.lspci_file, line.lspci_set, line.lspci);
  return simulate_point(program, line.point_folder, line.point_fingerprint);
}

/// A full disk behind standard output is no success.
int all_written(int code) {
  std::cout.flush();
  if (std::cout) return code;
  std::cerr << "iovsim: standard output cannot be written\n";
  return code == good ? bad_input : code;
}

}  // namespace

int run_command_line(const Program& program, int argc, char* argv[]) {
  CommandLine line(program.version);
  try {
    line.app.parse(argc, argv);
    return all_written(dispatch(program, line));
  } catch (const CLI::RequiredError& error) {
    const std::string unknown = line.app.get_subcommands().empty() ? unknown_command(line.app, argc, argv) : std::string();
    if (unknown.empty()) return line.app.exit(error), bad_input;
    std::cerr << unknown << "\n";
    return bad_input;
  } catch (const CLI::ParseError& error) {
    return all_written(line.app.exit(error) == 0 ? good : bad_input);
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "iovsim: " << error.path1().string() << ": " << error.code().message() << "\n";
    return bad_input;
  } catch (const std::exception& error) {
    std::cerr << "iovsim: " << error.what() << "\n";
    return bad_input;
  }
}

}  // namespace iov::experiment
