/* A heartbeat as the bytes of its JSON, and what a monitor reads from it. */
#ifndef BEAT_H
#define BEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct beat {
    const char *svc; /* points into the JSON; no escapes are looked for, a service's name has none */
    size_t svc_len;
    uint64_t i;
    double ts;
    uint64_t boot; /* a hash of the text: equal or not is all that is asked of it */
};

/* Reads one flat JSON object; false for what is none, or lacks svc, i or ts. Unknown keys are skipped. */
bool beat_read(const char *json, size_t len, struct beat *out);

/* A hash of bytes, for tables and comparisons. */
uint64_t hash_bytes(const char *bytes, size_t len);

#endif
