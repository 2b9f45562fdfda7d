// The options of utf8proc as plain integers, so that they can be combined in Swift.
#ifndef CUTF8PROC_SHIM_H
#define CUTF8PROC_SHIM_H

#include <utf8proc.h>

enum {
    cutf8proc_stable = UTF8PROC_STABLE,
    cutf8proc_compose = UTF8PROC_COMPOSE,
    cutf8proc_decompose = UTF8PROC_DECOMPOSE,
    cutf8proc_compatibility = UTF8PROC_COMPAT
};

#endif
