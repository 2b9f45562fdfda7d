// What Swift cannot see of Linux's file calls: glibc hides them behind _GNU_SOURCE.
#ifndef CLINUXFILES_H
#define CLINUXFILES_H

// Renames `from` to `to` within one open directory; fails with EEXIST where `to` exists.
// Returns 0, or -1 with errno set (EINVAL: the file system cannot do it).
int clinux_rename_new(int directory, const char *from, const char *to);

// Swaps two existing entries of one open directory in one step; return value as above.
int clinux_exchange(int directory, const char *first, const char *second);

// The flag O_PATH: an open directory to name files in, which need not be readable.
extern const int clinux_path_only;

#endif
