#include "build_stamp.h"

const char *lora_build_commit(void) { return LORA_COMMIT; }

const char *lora_build_c_compiler(void) { return __VERSION__; }
