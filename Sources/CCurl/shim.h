// Types and numbers of libcurl, whose entry points `MetricsOutlets` looks up with dlsym. Nothing is
// linked: it is opened where a receiver of OpenTelemetry is named, and training needs none.
#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

#include <curl/curl.h>

typedef CURLcode (*ccurl_global_function)(long flags);
typedef CURL *(*ccurl_new_function)(void);
typedef CURLcode (*ccurl_perform_function)(CURL *transfer);
typedef void (*ccurl_free_function)(CURL *transfer);
typedef struct curl_slist *(*ccurl_append_function)(struct curl_slist *list, const char *text);
typedef void (*ccurl_free_list_function)(struct curl_slist *list);
typedef const char *(*ccurl_text_function)(CURLcode code);

// Swift calls no function with a variable number of arguments: `function` is curl_easy_setopt or
// curl_easy_getinfo.
static inline CURLcode ccurl_set_number(
    void *function, CURL *transfer, CURLoption option, long value) {
    return ((CURLcode(*)(CURL *, CURLoption, ...))function)(transfer, option, value);
}

static inline CURLcode ccurl_set_pointer(
    void *function, CURL *transfer, CURLoption option, const void *value) {
    return ((CURLcode(*)(CURL *, CURLoption, ...))function)(transfer, option, value);
}

static inline CURLcode ccurl_set_callback(
    void *function, CURL *transfer, CURLoption option, curl_write_callback value) {
    return ((CURLcode(*)(CURL *, CURLoption, ...))function)(transfer, option, value);
}

static inline CURLcode ccurl_get_number(
    void *function, CURL *transfer, CURLINFO name, long *value) {
    return ((CURLcode(*)(CURL *, CURLINFO, ...))function)(transfer, name, value);
}

#endif
