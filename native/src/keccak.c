/* Keccak-f[1600] with every lane index written out, so that the 25 lanes live in registers. Names as in FIPS 202. */
#include "agbot/ag_keccak.h"

#define LANES 25
#define ROUNDS 24
#define RATE_LANES 17
#define RATE_BYTES (RATE_LANES * 8)

static const uint64_t IOTA[ROUNDS] = {
    UINT64_C(0x0000000000000001), UINT64_C(0x0000000000008082), UINT64_C(0x800000000000808a),
    UINT64_C(0x8000000080008000), UINT64_C(0x000000000000808b), UINT64_C(0x0000000080000001),
    UINT64_C(0x8000000080008081), UINT64_C(0x8000000000008009), UINT64_C(0x000000000000008a),
    UINT64_C(0x0000000000000088), UINT64_C(0x0000000080008009), UINT64_C(0x000000008000000a),
    UINT64_C(0x000000008000808b), UINT64_C(0x800000000000008b), UINT64_C(0x8000000000008089),
    UINT64_C(0x8000000000008003), UINT64_C(0x8000000000008002), UINT64_C(0x8000000000000080),
    UINT64_C(0x000000000000800a), UINT64_C(0x800000008000000a), UINT64_C(0x8000000080008081),
    UINT64_C(0x8000000000008080), UINT64_C(0x0000000080000001), UINT64_C(0x8000000080008008),
};

/* Shifts of 1 to 63 only: compilers make one instruction of it. */
static inline uint64_t rotated(uint64_t lane, unsigned by) { return (lane << by) | (lane >> (64U - by)); }

/* Row `y` of the next state: chi over five lanes that rho rotated (by r0..r4) and pi moved (from s0..s4). */
#define ROW(y, s0, r0, s1, r1, s2, r2, s3, r3, s4, r4)            \
    do {                                                          \
        const uint64_t b0 = RHO(s0, r0), b1 = RHO(s1, r1);        \
        const uint64_t b2 = RHO(s2, r2), b3 = RHO(s3, r3);        \
        const uint64_t b4 = RHO(s4, r4);                          \
        to[5 * (y) + 0] = b0 ^ (~b1 & b2);                        \
        to[5 * (y) + 1] = b1 ^ (~b2 & b3);                        \
        to[5 * (y) + 2] = b2 ^ (~b3 & b4);                        \
        to[5 * (y) + 3] = b3 ^ (~b4 & b0);                        \
        to[5 * (y) + 4] = b4 ^ (~b0 & b1);                        \
    } while (0)
#define RHO(lane, by) ((by) == 0 ? THETA(lane) : rotated(THETA(lane), ((by) + 63U) % 64U + 1U))
#define THETA(lane) (from[lane] ^ d[(lane) % 5])

static inline void keccak_round(const uint64_t *from, uint64_t *to, uint64_t iota) {
    const uint64_t c0 = from[0] ^ from[5] ^ from[10] ^ from[15] ^ from[20];
    const uint64_t c1 = from[1] ^ from[6] ^ from[11] ^ from[16] ^ from[21];
    const uint64_t c2 = from[2] ^ from[7] ^ from[12] ^ from[17] ^ from[22];
    const uint64_t c3 = from[3] ^ from[8] ^ from[13] ^ from[18] ^ from[23];
    const uint64_t c4 = from[4] ^ from[9] ^ from[14] ^ from[19] ^ from[24];
    const uint64_t d[5] = {c4 ^ rotated(c1, 1), c0 ^ rotated(c2, 1), c1 ^ rotated(c3, 1), c2 ^ rotated(c4, 1),
                           c3 ^ rotated(c0, 1)};
    ROW(0, 0, 0U, 6, 44U, 12, 43U, 18, 21U, 24, 14U);
    ROW(1, 3, 28U, 9, 20U, 10, 3U, 16, 45U, 22, 61U);
    ROW(2, 1, 1U, 7, 6U, 13, 25U, 19, 8U, 20, 18U);
    ROW(3, 4, 27U, 5, 36U, 11, 10U, 17, 15U, 23, 56U);
    ROW(4, 2, 62U, 8, 55U, 14, 39U, 15, 41U, 21, 2U);
    to[0] ^= iota;
}

static void permute(uint64_t *state) {
    uint64_t between[LANES];
    for (int i = 0; i < ROUNDS; i += 2) {
        keccak_round(state, between, IOTA[i]);
        keccak_round(between, state, IOTA[i + 1]);
    }
}

/* Eight bytes, the lowest first, whatever the machine's order and alignment. */
static inline uint64_t lane_read(const uint8_t *bytes) {
    return (uint64_t)bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 | (uint64_t)bytes[7] << 56;
}

static void absorb(uint64_t *state, const uint8_t *block) {
    for (int i = 0; i < RATE_LANES; i++)
        state[i] ^= lane_read(block + 8 * i);
    permute(state);
}

static void absorb_last(uint64_t *state, const uint8_t *rest, size_t length) {
    uint8_t block[RATE_BYTES] = {0};
    for (size_t i = 0; i < length; i++)
        block[i] = rest[i];
    block[length] = 0x01;
    block[RATE_BYTES - 1] |= 0x80;
    absorb(state, block);
}

int ag_keccak256(const void *data, size_t length, uint8_t out[AG_KECCAK256_BYTES]) {
    uint64_t state[LANES] = {0};
    const uint8_t *bytes = data;
    if (out == NULL || (data == NULL && length > 0))
        return AG_ERR_INVALID_ARG;
    for (; length >= RATE_BYTES; bytes += RATE_BYTES, length -= RATE_BYTES)
        absorb(state, bytes);
    absorb_last(state, bytes, length);
    for (int i = 0; i < AG_KECCAK256_BYTES; i++)
        out[i] = (uint8_t)(state[i / 8] >> (8 * (i % 8)));
    return AG_OK;
}
