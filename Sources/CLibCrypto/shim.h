// OpenSSL's libcrypto, for its digests.
#ifndef CLIBCRYPTO_SHIM_H
#define CLIBCRYPTO_SHIM_H

#include <openssl/crypto.h>
#include <openssl/evp.h>

// SHA-256 of the library itself; NULL if it is not there. The machine's openssl.cnf is not read: a
// digest must not depend on it. Nothing is torn down when the process exits: a thread may still be
// saving a checkpoint then.
static inline const EVP_MD *clibcrypto_sha256(void) {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
    return EVP_MD_fetch(NULL, "SHA256", NULL);
}

#endif
