// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/translate_command.h"

#include <algorithm>
#include <iostream>

#include "experiments/iovsim/lib/commands.h"
#include "experiments/iovsim/lib/load.h"
#include "platforms/ask_platform.h"
#include "platforms/json_file.h"
#include "platforms/quantity.h"

namespace iov::experiment {

using platform::ProblemSink;
using platform::TranslationQuery;

namespace {

std::uint64_t number(const char* option, const std::string& text, std::uint64_t limit, ProblemSink& problems) {
  const auto value = platform::parse_number(text);
  if (value && *value <= limit) return *value;
  problems.add_in(option, "", "\"" + text + "\" is not a number (0x1f00 or decimal) from 0 to " + std::to_string(limit));
  return 0;
}

/// The command line's question, if it has one.
std::optional<TranslationQuery> question(const TranslateRequest& request, ProblemSink& problems) {
  if (request.requester.empty() && request.address.empty() && request.msi.empty()) return std::nullopt;
  TranslationQuery q;
  const auto requester = platform::parse_requester(request.requester);
  if (!requester)
    problems.add_in("--requester", "", "\"" + request.requester + "\" is not a requester: 01:00.0 or a number to 65535");
  q.requester = requester.value_or(RequesterId{});
  if (!request.pasid.empty()) q.pasid.value = static_cast<std::uint32_t>(number("--pasid", request.pasid, 0xf'ffff, problems));
  if (request.msi.empty() == request.address.empty())
    problems.add_in("--address", "", "a question needs --address or --msi, one of them");
  else if (!request.msi.empty()) {
    q.address = number("--msi", request.msi[0], ~0ull, problems);
    q.data = static_cast<std::uint32_t>(number("--msi", request.msi[1], 0xffff'ffff, problems));
  } else {
    q.address = number("--address", request.address, ~0ull, problems);
  }
  if (request.write && request.execute) problems.add_in("--write", "", "an access is --write or --execute, not both");
  q.access = request.write ? Access::write : request.execute ? Access::execute : Access::read;
  const auto& names = platform::address_type_names;
  const auto at = std::find(names.begin(), names.end(), request.at);
  if (at == names.end())
    problems.add_in("--at", "", platform::unknown_name("address type", request.at, {names.begin(), names.end()}));
  else
    q.at = static_cast<AddressType>(at - names.begin());
  return q;
}

/// What a person reads: the entries in the order they were met, then the outcome.
void show(const Json& answer) {
  for (const auto& read : answer.at("reads")) {
    std::cout << read.at("table").get<std::string>() << " at " << read.at("address").get<std::string>() << ":";
    for (const auto& word : read.at("raw")) std::cout << " " << word.get<std::string>();
    std::cout << "\n    " << read.at("decoded").get<std::string>() << "\n";
  }
  std::cout << answer.at("result").get<std::string>();
  for (const auto& [key, value] : answer.items())
    if (key != "reads" && key != "result")
      std::cout << "  " << key << "=" << (value.is_string() ? value.get<std::string>() : value.dump());
  std::cout << "\n";
}

int tell(const Json& answer, bool json) {
  if (json)
    std::cout << answer.dump() << "\n";
  else
    show(answer);
  return good;
}

int ask_image(const Json& object, const TranslateRequest& request, const std::optional<TranslationQuery>& query,
              ProblemSink& problems) {
  auto image = platform::read_translation_image(object, request.file, request.file, problems);
  if (image && !query && image->requests.empty())
    problems.add_in(request.file, "requests", "nothing is asked: give requests, or --requester and --address or --msi");
  if (!problems.empty() || !image) return bad(problems);
  const auto ask = [&](const TranslationQuery& q, bool with_reads) {
    return platform::answer(image->features, image->registers, image->memory.tables(), q, with_reads);
  };
  if (query) return tell(ask(*query, true), request.json);
  for (const TranslationQuery& q : image->requests) std::cout << ask(q, false).dump() << "\n";
  return good;
}

int ask_machine(const Program& program, const TranslateRequest& request, const std::optional<TranslationQuery>& query,
                ProblemSink& problems) {
  Time after;
  if (const auto wrong = platform::read_value(nlohmann::json(request.after), after); !wrong.empty())
    problems.add_in("--after", "", wrong);
  if (!query) problems.add_in(request.file, "", "a platform is asked with --requester and --address or --msi");
  const auto loaded = load(program, request.file, request.set, platform::find_home(request.file), problems);
  if (loaded && loaded->points.size() != 1)
    problems.add_in(request.file, "", std::to_string(loaded->points.size()) + " points; ask a platform or a point's config.json");
  if (!problems.empty() || !loaded) return bad(problems);
  platform::enter_home(request.file);
  const Point& point = loaded->points.front();
  return tell(platform::ask_platform(point.config, point.seed, after, *query), request.json);
}

}  // namespace

int translate(const Program& program, const TranslateRequest& request) {
  ProblemSink problems;
  const auto query = question(request, problems);
  const auto object = platform::load_json(request.file, request.file, problems);
  if (!object) return bad(problems);
  return platform::is_translation_image(*object) ? ask_image(*object, request, query, problems)
                                                 : ask_machine(program, request, query, problems);
}

}  // namespace iov::experiment
