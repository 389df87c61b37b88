#include "fieldmark/base/bytes.h"
