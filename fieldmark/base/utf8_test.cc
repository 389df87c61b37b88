#include "fieldmark/base/utf8.h"

#include <gtest/gtest.h>

namespace fieldmark {
namespace {

TEST(Utf8Test, TellsTextFromOtherBytes) {
  for (const char* text : {"", "plain", "ä", "€", "\U0001F600", "\t"}) EXPECT_TRUE(IsUtf8(text)) << text;
  for (const char* bytes : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80", "\xFF"}) {
    EXPECT_FALSE(IsUtf8(bytes));
    EXPECT_FALSE(IsPrintable(bytes));
  }
}

TEST(Utf8Test, ControlCharactersArePrintedNowhere) {
  EXPECT_TRUE(IsPrintable("Grüße, 9f2c1ab"));
  for (const char* text : {"a\nb", "\x1b[2J", "\x7F", "\t"}) EXPECT_FALSE(IsPrintable(text));
}

}  // namespace
}  // namespace fieldmark
