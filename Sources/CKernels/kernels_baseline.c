#include "table.h"

#define LEVEL(name) name##_baseline
#define LEVEL_VECTOR_FLOATS 4

#include "vectors.inc"
#include "products.inc"
#include "kernels.inc"
