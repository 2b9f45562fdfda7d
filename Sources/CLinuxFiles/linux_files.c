#define _GNU_SOURCE
#include "linux_files.h"

#include <fcntl.h>
#include <stdio.h>

const int clinux_path_only = O_PATH;

int clinux_rename_new(int directory, const char *from, const char *to) {
    return renameat2(directory, from, directory, to, RENAME_NOREPLACE);
}

int clinux_exchange(int directory, const char *first, const char *second) {
    return renameat2(directory, first, directory, second, RENAME_EXCHANGE);
}
