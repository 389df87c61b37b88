// Side by side: where the version before went on running beside the new one, what it saw in the same minutes
// tells the change from everything else that happened then.
#pragma once

#include "fieldmark/judge/evidence.h"

namespace fieldmark::judge {

// The series as the version before alone would have it: the past, and from the change on what that version
// saw beside the new one, as its own `beside` still says.
Series EarlierVersionOf(const Series& series, const Windows& windows);

// Of a signal that may have moved, `earlier` being the evidence of EarlierVersionOf: *environment moved*
// where the earlier version shows half of the move as well or cannot be told from the new one, *side by side*
// where it can and does not. Says nothing where hardly any of the documents were the earlier version's. What
// others ask they ask of both, so this outweighs *mix changed*.
void CompareSideBySide(const Evidence& earlier, Evidence& evidence);

}  // namespace fieldmark::judge
