/* Keccak-256 as Ethereum uses it: the original padding (first byte 0x01), not that of SHA3-256. No state, no memory. */
#ifndef AGBOT_AG_KECCAK_H
#define AGBOT_AG_KECCAK_H

#include <stddef.h>
#include <stdint.h>

#include "ag_status.h"

#define AG_KECCAK256_BYTES 32

/* Writes the hash of `length` bytes; they may overlap `out`. AG_ERR_INVALID_ARG for NULL, which `data` may be if empty. */
int ag_keccak256(const void *data, size_t length, uint8_t out[AG_KECCAK256_BYTES]);

#endif
