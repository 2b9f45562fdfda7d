// PCRE2's functions carry their code unit width as a suffix that macros add; Swift sees neither
// those macros nor options that do not fit a signed 32-bit integer. So both are spelled out here.
#ifndef CPCRE2_SHIM_H
#define CPCRE2_SHIM_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static const uint32_t cpcre2_compile_options =
    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
// Python's fullmatch: the expression begins and ends where the text does.
static const uint32_t cpcre2_whole_options =
    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
static const uint32_t cpcre2_no_utf_check = PCRE2_NO_UTF_CHECK;
static const uint32_t cpcre2_jit_complete = PCRE2_JIT_COMPLETE;
static const uint32_t cpcre2_newline_lf = PCRE2_NEWLINE_LF;
static const uint32_t cpcre2_unicode_version = PCRE2_CONFIG_UNICODE_VERSION;

#endif
