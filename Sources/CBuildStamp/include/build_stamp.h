#ifndef BUILD_STAMP_H
#define BUILD_STAMP_H

/// Commit that was built, with a "+" if files differed from it; "unknown" outside a clone.
const char *lora_build_commit(void);
/// Version of the toolchain's C compiler, as it calls itself.
const char *lora_build_c_compiler(void);

#endif
