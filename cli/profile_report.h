// A profile as people and machines read it.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "fieldmark/bucket/saved_profile.h"

namespace fieldmark::cli {

// What is worth a look, worst first.
struct Remark {
  std::string field;  // "" for the document itself
  std::string text;
  double weight = 0;  // of a kind first, then the share of values it is about
};
// Of a profile whose maps are folded.
std::vector<Remark> RemarksOf(const bucket::BodySummary& body);

// A table of the fields, and the remarks. Names come from the documents, so control characters in them are
// replaced; no value of the documents is in it.
std::string TableOf(const bucket::BodySummary& body);

// The same for machines, format "fieldmark.profile/1".
boost::json::object ProfileJson(const bucket::SavedProfile& profile);

// As both show it: objects that are maps are folded.
bucket::BodySummary WithMapsFolded(const bucket::BodySummary& body);

}  // namespace fieldmark::cli
