#include "cli/document_splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fieldmark::cli {
namespace {

using json::Malformed;

struct Split {
  std::vector<std::string> documents;  // "<kind>@<offset>" for what is none
  std::vector<uint64_t> offsets;
  DocumentForm form = DocumentForm::kAuto;

  bool operator==(const Split&) const = default;
};

Split SplitIn(std::string_view stream, size_t piece_bytes, DocumentForm form = DocumentForm::kAuto,
              size_t document_bytes_max = 1000) {
  Split split;
  DocumentSplitter splitter(form, document_bytes_max);
  const auto visit = [&](const DocumentPiece& piece) {
    split.offsets.push_back(piece.offset);
    split.documents.push_back(piece.malformed == Malformed::kNone
                                  ? std::string(piece.bytes)
                                  : std::string(json::MalformedName(piece.malformed)) + "@" +
                                        std::to_string(piece.offset));
    if (piece.malformed == Malformed::kNone) {
      EXPECT_EQ(stream.substr(piece.offset, piece.bytes.size()), piece.bytes);
    }
  };
  for (size_t at = 0; at < stream.size(); at += piece_bytes)
    splitter.Feed(stream.substr(at, piece_bytes), visit);
  splitter.Finish(visit);
  split.form = splitter.form();
  return split;
}

std::string Named(Malformed kind, size_t at) {
  return std::string(json::MalformedName(kind)) + "@" + std::to_string(at);
}

struct Case {
  std::string stream;
  DocumentForm form;
  std::vector<std::string> documents;
};

const Case kCases[] = {
    {"", DocumentForm::kLines, {}},
    {" \n\r\n ", DocumentForm::kLines, {}},
    {"{\"a\":1}", DocumentForm::kLines, {"{\"a\":1}"}},
    {"{\"a\":1}\n{\"a\":2}\n", DocumentForm::kLines, {"{\"a\":1}", "{\"a\":2}"}},
    {"{\"a\":1}\r\n\r\n {\"a\":2}", DocumentForm::kLines, {"{\"a\":1}\r", "{\"a\":2}"}},
    {"\xEF\xBB\xBF{}\n{}", DocumentForm::kLines, {"{}", "{}"}},
    {"{\"a\":\"}{\\\"\"}\n[1]\nnull", DocumentForm::kLines, {"{\"a\":\"}{\\\"\"}", "[1]", "null"}},
    // A broken line costs itself alone.
    {"{\"a\":1\n{\"a\":2}\n", DocumentForm::kLines, {"{\"a\":1", "{\"a\":2}"}},
    {"{}\nwhat\n{}", DocumentForm::kLines, {"{}", "what", "{}"}},
    // Arrays: of documents, unless there are several.
    {"[]", DocumentForm::kArray, {}},
    {" [ ] \n", DocumentForm::kArray, {}},
    {"[{\"a\":[1,2]},\n {\"b\":\",]\"} ]\n", DocumentForm::kArray, {"{\"a\":[1,2]}", "{\"b\":\",]\"}"}},
    {"[1,\"x\",null , [2]]", DocumentForm::kArray, {"1", "\"x\"", "null", "[2]"}},
    {"[1,2]\n[3]", DocumentForm::kLines, {"[1,2]", "[3]"}},
    {"[{},{}", DocumentForm::kArray, {"{}", "{}", Named(Malformed::kTruncated, 6)}},
    {"[{},", DocumentForm::kArray, {"{}", Named(Malformed::kTruncated, 4)}},
    {"[{},{\"a\"", DocumentForm::kArray, {"{}", "{\"a\"", Named(Malformed::kTruncated, 8)}},
    {"[1,,2]", DocumentForm::kArray, {"1", Named(Malformed::kEmpty, 3), "2"}},
    {"[1,]", DocumentForm::kArray, {"1", Named(Malformed::kEmpty, 3)}},
    {"[\n1 2]", DocumentForm::kArray, {"1", Named(Malformed::kNotJson, 4)}},
    {"[\n{}]\n{}\n{}", DocumentForm::kArray, {"{}", Named(Malformed::kTrailing, 6)}},
    // Documents of several lines.
    {"{\n  \"a\": 1\n}\n", DocumentForm::kValues, {"{\n  \"a\": 1\n}"}},
    {"{\n\"a\":{}}\n{\n}{\"b\":[{\n}]} 7 \"s\\\"\"x",
     DocumentForm::kValues,
     {"{\n\"a\":{}}", "{\n}", "{\"b\":[{\n}]}", "7", "\"s\\\"\"", "x"}},
    {"{\"a\":\n1", DocumentForm::kValues, {"{\"a\":\n1"}},
    {"{\n}}{}", DocumentForm::kValues, {"{\n}", "}", "{}"}},
};

TEST(DocumentSplitter, FindsTheDocumentsOfEveryFormWhereverTheStreamIsCut) {
  for (const Case& test : kCases) {
    const Split whole = SplitIn(test.stream, 1000);
    EXPECT_EQ(whole.documents, test.documents) << test.stream;
    EXPECT_EQ(whole.form, test.form) << test.stream;
    for (size_t piece_bytes = 1; piece_bytes < test.stream.size(); ++piece_bytes) {
      EXPECT_EQ(SplitIn(test.stream, piece_bytes), whole) << test.stream << " by " << piece_bytes;
    }
    // Told the form, it need not wait to see it.
    EXPECT_EQ(SplitIn(test.stream, 3, test.form), whole) << test.stream;
  }
}

TEST(DocumentSplitter, KnowsTheFormOfALongStreamBeforeItsEnd) {
  for (const DocumentForm form : {DocumentForm::kLines, DocumentForm::kArray, DocumentForm::kValues}) {
    std::string stream = form == DocumentForm::kArray ? "[" : "";
    size_t written = 0;
    for (; stream.size() < 2'000'000; ++written) {
      if (written > 0 && form == DocumentForm::kArray) stream += ',';
      stream += form == DocumentForm::kValues ? "{\n\"a\":[1]}" : "{\"a\":[1]}";
      if (form != DocumentForm::kArray) stream += '\n';
    }
    if (form == DocumentForm::kArray) stream += ']';
    for (const size_t piece_bytes : {4093u, 300'000u, 3'000'000u}) {
      const Split split = SplitIn(stream, piece_bytes);
      EXPECT_EQ(split.form, form);
      EXPECT_EQ(split.documents.size(), written);
    }
  }
}

TEST(DocumentSplitter, ALineThatIsTooLargeCostsItselfAlone) {
  const std::string large = "{\"a\":\"" + std::string(2000, 'x') + "\"}";
  for (const size_t piece_bytes : {7u, 100u, 10'000u}) {
    EXPECT_EQ(SplitIn("{}\n" + large + "\n[1]\n", piece_bytes).documents,
              (std::vector<std::string>{"{}", Named(Malformed::kTooLarge, 3), "[1]"}));
    EXPECT_EQ(SplitIn("[{},\n" + large + ",[1]]", piece_bytes).documents,
              (std::vector<std::string>{"{}", Named(Malformed::kTooLarge, 5), "[1]"}));
  }
}

TEST(DocumentSplitter, AnUnfinishedDocumentIsHandedOutAtTheEnd) {
  EXPECT_EQ(SplitIn("{}\n{\"a", 2).documents, (std::vector<std::string>{"{}", "{\"a"}));
}

TEST(DocumentSplitter, BytesThatAreNoJsonEnd) {
  for (const DocumentForm form : {DocumentForm::kLines, DocumentForm::kArray, DocumentForm::kValues}) {
    std::string bytes;
    for (int i = 0; i < 3000; ++i) bytes += static_cast<char>((i * 131 + i / 7) & 0xFF);
    const Split whole = SplitIn(bytes, 10'000, form);
    EXPECT_EQ(SplitIn(bytes, 1, form), whole);
  }
}

}  // namespace
}  // namespace fieldmark::cli
