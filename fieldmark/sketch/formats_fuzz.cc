// Any bytes: what FormatsOf says depends on nothing but them, and no two answers contradict each other.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fieldmark/sketch/formats.h"

namespace {

using fieldmark::sketch::Format;
using fieldmark::sketch::FormatSet;
using fieldmark::sketch::FormatsOf;
using fieldmark::sketch::kFormats;
using fieldmark::sketch::SetOf;

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const FormatSet formats = FormatsOf(text);
  Check(formats >> kFormats == 0);
  // At another alignment, with other bytes around.
  const std::string other = "7" + std::string(text) + "7";
  Check(FormatsOf(std::string_view(other).substr(1, size)) == formats);

  const auto has = [&](Format format) { return (formats & SetOf(format)) != 0; };
  Check(!has(Format::kBlank) || formats == SetOf(Format::kBlank));
  Check(!has(Format::kDate) || !has(Format::kDateTime));
  Check(!has(Format::kNumber) || !has(Format::kBoolean));
  if (size > fieldmark::sketch::kFormatBytesMax) {
    for (const Format format : {Format::kUuid, Format::kDate, Format::kDateTime, Format::kIp, Format::kNumber,
                                Format::kBoolean, Format::kCard, Format::kIban, Format::kPhone}) {
      Check(!has(format));
    }
  }
  return 0;
}
