// Counts the calling thread's allocations: linked into a program, it takes the place of malloc and
// its kin there, for all libraries too, and passes every call on to the C library.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

// Blocks that this thread has asked for so far.
long allocation_count(void);

// From now on, leaves out what is asked for by code of the loaded library whose path contains
// `name`; false if there is none. One library at a time.
_Bool allocation_leave_out(const char *_Nonnull name);

#endif
