#include "cli/series_file.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "fieldmark/base/utc_time.h"

namespace fieldmark::cli {
namespace {

namespace json = boost::json;

constexpr double kNoData = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kStepsMax = 1'000'000;
constexpr int64_t kScaleMin = -10;
constexpr int64_t kScaleMax = 20;

Error Invalid(size_t line, const std::string& what) {
  return Error{ErrorCode::kInvalidArgument,
               "reading fieldmark.series/1: line " + std::to_string(line) + ": " + what};
}

std::optional<double> Number(const json::value& value) {
  if (value.is_null()) return kNoData;
  double number = 0;
  if (value.is_double())
    number = value.get_double();
  else if (value.is_int64())
    number = static_cast<double>(value.get_int64());
  else if (value.is_uint64())
    number = static_cast<double>(value.get_uint64());
  else
    return std::nullopt;
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::string Text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::optional<judge::Kind> KindOf(std::string_view name) {
  constexpr std::pair<std::string_view, judge::Kind> kKinds[] = {
      {"rate", judge::Kind::kRate},
      {"mean", judge::Kind::kMean},
      {"count", judge::Kind::kCount},
      {"quantile", judge::Kind::kQuantile},
      {"distribution", judge::Kind::kDistribution},
      {"mix", judge::Kind::kMix},
  };
  for (const auto& [code, kind] : kKinds) {
    if (code == name) return kind;
  }
  return std::nullopt;
}

// ---- one step's value

Status ReadBuckets(const json::object& object, std::string_view side, int64_t scale, double sign,
                   sketch::Histogram& histogram) {
  const Error bad{ErrorCode::kInvalidArgument,
                  "\"" + std::string(side) + "\" is not a list of [bucket index, count above zero]"};
  const json::value* buckets = object.if_contains(side);
  if (buckets == nullptr) return {};
  if (!buckets->is_array()) return bad;
  for (const json::value& bucket : buckets->get_array()) {
    if (!bucket.is_array() || bucket.get_array().size() != 2) return bad;
    const std::optional<double> index = Number(bucket.get_array()[0]);
    const std::optional<double> count = Number(bucket.get_array()[1]);
    if (!index || !count || !(*count >= 0) || *count > 1e15 || std::isnan(*index)) return bad;
    if (*count < 1) continue;
    // The middle of the bucket falls into the bucket of ours that holds it, at any scale.
    const double magnitude = std::exp2((*index + 0.5) / std::exp2(static_cast<double>(scale)));
    if (!std::isfinite(magnitude) || magnitude <= 0) return bad;
    histogram.Add(sign * magnitude, static_cast<uint64_t>(*count));
  }
  return {};
}

Status ReadDistribution(const json::value& value, sketch::Histogram& histogram) {
  if (value.is_null()) return {};
  const Error bad{ErrorCode::kInvalidArgument,
                  "a distribution's value is {\"scale\":…,\"zero\":…,\"pos\":[[index, count]…],\"neg\":…}, "
                  "scale from -10 to 20"};
  if (!value.is_object()) return bad;
  const json::object& object = value.get_object();
  const json::value* scale = object.if_contains("scale");
  if (scale == nullptr || !scale->is_int64()) return bad;
  if (scale->get_int64() < kScaleMin || scale->get_int64() > kScaleMax) return bad;
  if (const json::value* zero = object.if_contains("zero")) {
    const std::optional<double> count = Number(*zero);
    if (!count || !(*count >= 0) || *count > 1e15) return bad;
    if (*count >= 1) histogram.Add(0, static_cast<uint64_t>(*count));
  }
  FM_RETURN_IF_ERROR(ReadBuckets(object, "pos", scale->get_int64(), 1, histogram));
  return ReadBuckets(object, "neg", scale->get_int64(), -1, histogram);
}

Status ReadMix(const json::value& value, std::map<std::string, double>& mix) {
  if (value.is_null()) return {};
  const Error bad{ErrorCode::kInvalidArgument, "a mix's value is {\"category\": count…}, counts from zero"};
  if (!value.is_object()) return bad;
  for (const auto& [category, count] : value.get_object()) {
    const std::optional<double> number = Number(count);
    if (!number || !(*number >= 0)) return bad;
    mix[std::string(category)] = *number;
  }
  return {};
}

// ---- one signal

// The numbers of `key`; none when it is not there.
Result<std::optional<std::vector<double>>> ReadNumbers(const json::object& object, std::string_view key,
                                                       size_t steps) {
  const json::value* list = object.if_contains(key);
  if (list == nullptr) return std::optional<std::vector<double>>{};
  const std::string name = "\"" + std::string(key) + "\"";
  if (!list->is_array()) return Error{ErrorCode::kInvalidArgument, name + " is not a list"};
  if (list->get_array().size() != steps) {
    return Error{ErrorCode::kInvalidArgument, name + " has " + std::to_string(list->get_array().size()) +
                                                  " elements where \"values\" has " + std::to_string(steps)};
  }
  std::vector<double> numbers;
  for (const json::value& value : list->get_array()) {
    const std::optional<double> number = Number(value);
    if (!number) {
      return Error{
          ErrorCode::kInvalidArgument,
          name + " holds what is neither a finite number nor null, at " + std::to_string(numbers.size())};
    }
    numbers.push_back(*number);
  }
  return std::optional<std::vector<double>>{std::move(numbers)};
}

bool AnyBelowZero(const std::vector<double>& numbers) {
  for (const double number : numbers) {
    if (number < 0) return true;
  }
  return false;
}

// A rate whose documents are not known is a level.
Status CompleteRate(judge::Series& series, bool has_weights) {
  if (!has_weights) {
    series.kind = judge::Kind::kMean;
    return {};
  }
  const bool derived = series.numerators.empty();
  for (size_t step = 0; step < series.values.size(); ++step) {
    const double weight = std::isnan(series.weights[step]) ? 0 : series.weights[step];
    const bool data = weight > 0 && !std::isnan(derived ? series.values[step] : series.numerators[step]);
    if (data && !derived && series.numerators[step] > weight * (1 + 1e-9)) {
      return Error{ErrorCode::kInvalidArgument,
                   "a numerator is above its weight, at " + std::to_string(step)};
    }
    if (data && derived && series.values[step] > 1) {
      return Error{ErrorCode::kInvalidArgument, "a rate is above 1, at " + std::to_string(step)};
    }
    series.weights[step] = data ? weight : 0;
    if (derived) series.numerators.push_back(data ? std::round(series.values[step] * weight) : 0);
    if (!data) series.numerators[step] = 0;
  }
  return {};
}

Status ReadValues(const json::object& object, judge::Series& series) {
  const json::value* values = object.if_contains("values");
  if (values == nullptr || !values->is_array()) {
    return Error{ErrorCode::kInvalidArgument, "\"values\" is missing or not a list"};
  }
  const json::array& list = values->get_array();
  if (list.size() > kStepsMax)
    return Error{ErrorCode::kTooLarge, "more than a million steps; use longer ones"};
  if (series.kind == judge::Kind::kDistribution) {
    for (const json::value& value : list) {
      sketch::Histogram histogram;
      FM_RETURN_IF_ERROR(ReadDistribution(value, histogram));
      series.distributions.push_back(histogram);
    }
  } else if (series.kind == judge::Kind::kMix) {
    for (const json::value& value : list) FM_RETURN_IF_ERROR(ReadMix(value, series.mixes.emplace_back()));
  } else {
    auto numbers = ReadNumbers(object, "values", list.size());
    if (!numbers.ok()) return numbers.error();
    series.values = std::move(**numbers);
  }

  for (const auto& [key, member] : {std::pair{"weights", &judge::Series::weights},
                                    {"numerators", &judge::Series::numerators},
                                    {"variances", &judge::Series::variances}}) {
    auto numbers = ReadNumbers(object, key, list.size());
    if (!numbers.ok()) return numbers.error();
    if (!*numbers) continue;
    series.*member = std::move(**numbers);
    if (AnyBelowZero(series.*member)) {
      return Error{ErrorCode::kInvalidArgument, "\"" + std::string(key) + "\" holds a number below zero"};
    }
  }
  if (series.kind == judge::Kind::kRate) {
    if (AnyBelowZero(series.values)) return Error{ErrorCode::kInvalidArgument, "a rate is below zero"};
    return CompleteRate(series, !series.weights.empty());
  }
  // Null weights are no data.
  for (double& weight : series.weights) weight = std::isnan(weight) ? 0 : weight;
  return {};
}

Result<judge::Series> ReadSignal(const json::value& value) {
  if (!value.is_object()) return Error{ErrorCode::kInvalidArgument, "a signal is an object"};
  const json::object& object = value.get_object();
  judge::Series series;
  series.signal = Text(object, "signal");
  if (series.signal.empty()) return Error{ErrorCode::kInvalidArgument, "\"signal\" is missing or empty"};
  const std::optional<judge::Kind> kind = KindOf(Text(object, "kind"));
  if (!kind) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"kind\" is none of rate, mean, count, quantile, distribution, mix"};
  }
  series.kind = *kind;
  // A name in one piece is the statistic of nothing in particular; with a subject, what follows it.
  series.subject = Text(object, "subject");
  series.field = Text(object, "field");
  series.statistic = Text(object, "statistic");
  series.unit = Text(object, "unit");
  if (series.statistic.empty()) {
    const bool prefixed = !series.subject.empty() && series.signal.starts_with(series.subject + " ");
    series.statistic = prefixed ? series.signal.substr(series.subject.size() + 1) : series.signal;
  }
  if (Text(object, "polarity") == "more_is_worse") series.polarity = judge::Polarity::kMoreIsWorse;
  FM_RETURN_IF_ERROR(ReadValues(object, series));
  return series;
}

// ---- the header

Result<judge::Timeline> ReadHeader(const json::value& value) {
  const Error bad{
      ErrorCode::kInvalidArgument,
      R"(the header is {"format":"fieldmark.series/1","step_s":60,"start":"2026-01-01T00:00:00Z"}, )"
      "a step from one second to a day"};
  if (!value.is_object()) return bad;
  const json::object& object = value.get_object();
  if (Text(object, "format") != "fieldmark.series/1") return bad;
  judge::Timeline timeline;
  const json::value* step = object.if_contains("step_s");
  const std::optional<double> step_s = step != nullptr ? Number(*step) : std::nullopt;
  if (!step_s || !(*step_s >= 1 && *step_s <= 86'400) || *step_s != std::floor(*step_s)) return bad;
  timeline.step_s = static_cast<int64_t>(*step_s);
  const Result<int64_t> start = ParseTime(Text(object, "start"));
  if (!start.ok()) return bad;
  timeline.start_unix_s = *start;

  const auto time_at = [](const json::value& text) -> Result<int64_t> {
    if (!text.is_string()) return Error{ErrorCode::kInvalidArgument, "a time is text"};
    return ParseTime(std::string_view(text.get_string()));
  };
  if (const json::value* changes = object.if_contains("known_changes"); changes && changes->is_array()) {
    for (const json::value& change : changes->get_array()) {
      const Result<int64_t> time = time_at(change);
      if (!time.ok()) return time.error();
      timeline.known_changes_unix_s.push_back(*time);
    }
  }
  if (const json::value* excluded = object.if_contains("excluded"); excluded && excluded->is_array()) {
    for (const json::value& stretch : excluded->get_array()) {
      if (!stretch.is_array() || stretch.get_array().size() != 2) {
        return Error{ErrorCode::kInvalidArgument, "\"excluded\" is a list of [from, to]"};
      }
      const Result<int64_t> from = time_at(stretch.get_array()[0]);
      const Result<int64_t> to = time_at(stretch.get_array()[1]);
      if (!from.ok()) return from.error();
      if (!to.ok()) return to.error();
      timeline.excluded_unix_s.emplace_back(*from, *to);
    }
  }
  return timeline;
}

// What the version before saw of a signal stands in a line of its own, behind the signal's.
Status SetBeside(std::vector<judge::Series>& signals, judge::Series earlier) {
  const auto signal = std::find_if(signals.begin(), signals.end(), [&](const judge::Series& one) {
    return one.signal == earlier.signal && one.kind == earlier.kind;
  });
  if (signal == signals.end() || signal->beside != nullptr) {
    return Error{ErrorCode::kInvalidArgument,
                 "an earlier version's line follows one of the same signal and kind, once"};
  }
  signal->beside = std::make_shared<const judge::Series>(std::move(earlier));
  return {};
}

}  // namespace

Result<SeriesFile> ReadSeriesFile(std::istream& in) {
  SeriesFile file;
  std::set<std::string> names;
  bool has_header = false;
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    boost::system::error_code error;
    const json::value value = json::parse(line, error);
    if (error) return Invalid(number, "not JSON: " + error.message());
    if (!has_header) {
      Result<judge::Timeline> timeline = ReadHeader(value);
      if (!timeline.ok()) return Invalid(number, timeline.error().message);
      file.timeline = std::move(*timeline);
      has_header = true;
      continue;
    }
    Result<judge::Series> series = ReadSignal(value);
    if (!series.ok()) return Invalid(number, series.error().message);
    if (Text(value.get_object(), "version") == "earlier") {
      const Status status = SetBeside(file.series, std::move(*series));
      if (!status.ok()) return Invalid(number, status.error().message);
      continue;
    }
    if (!names.insert(series->signal).second)
      return Invalid(number, "the second signal of its name; rename one");
    file.timeline.steps = std::max(
        {file.timeline.steps, series->values.size(), series->distributions.size(), series->mixes.size()});
    file.series.push_back(std::move(*series));
  }
  if (!has_header) return Invalid(number, "no header; the first line must be one");
  if (file.series.empty()) return Invalid(number, "no signal after the header");
  return file;
}

}  // namespace fieldmark::cli
