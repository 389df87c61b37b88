#include "fieldmark/bucket/batch.h"
