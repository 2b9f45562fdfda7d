#include "table.h"

#define LEVEL(name) name##_baseline

#include "vectors.inc"
#include "kernels.inc"
