#include "agbot/ag_keccak.h"

#include <string.h>

#include "check.h"

#define RATE 136
#define LONGEST 1000

static const char *hex_of(const void *data, size_t length) {
    static char text[2 * AG_KECCAK256_BYTES + 1];
    uint8_t hash[AG_KECCAK256_BYTES];
    CHECK(ag_keccak256(data, length, hash) == AG_OK);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    return text;
}

static void test_published_hashes(void) {
    const char *fox = "The quick brown fox jumps over the lazy dog";
    CHECK(strcmp(hex_of("", 0), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470") == 0);
    CHECK(strcmp(hex_of("abc", 3), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45") == 0);
    CHECK(strcmp(hex_of(fox, strlen(fox)), "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15") == 0);
}

static void test_null_is_refused(void) {
    uint8_t hash[AG_KECCAK256_BYTES];
    CHECK(ag_keccak256(NULL, 1, hash) == AG_ERR_INVALID_ARG);
    CHECK(ag_keccak256("", 0, NULL) == AG_ERR_INVALID_ARG);
    CHECK(strcmp(hex_of(NULL, 0), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470") == 0);
}

/* A plain Keccak that follows the words of FIPS 202, as an oracle. */
static uint64_t turned(uint64_t lane, unsigned by) { return by == 0 ? lane : lane << by | lane >> (64 - by); }

static void plain_round(uint64_t a[5][5], unsigned *lfsr) {
    uint64_t c[5], b[5][5];
    unsigned x = 1, y = 0;
    for (int i = 0; i < 5; i++)
        c[i] = a[i][0] ^ a[i][1] ^ a[i][2] ^ a[i][3] ^ a[i][4];
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            a[i][j] ^= c[(i + 4) % 5] ^ turned(c[(i + 1) % 5], 1);
    b[0][0] = a[0][0];
    for (unsigned t = 0; t < 24; t++) {
        unsigned next = (2 * x + 3 * y) % 5;
        b[y][next] = turned(a[x][y], (t + 1) * (t + 2) / 2 % 64);
        x = y;
        y = next;
    }
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            a[i][j] = b[i][j] ^ (~b[(i + 1) % 5][j] & b[(i + 2) % 5][j]);
    for (unsigned j = 0; j < 7; j++) {
        if (*lfsr & 1)
            a[0][0] ^= UINT64_C(1) << ((1U << j) - 1);
        *lfsr = *lfsr << 1 ^ (*lfsr >> 7) * 0x171;
    }
}

static void plain_keccak256(const uint8_t *data, size_t length, uint8_t *out) {
    uint64_t a[5][5] = {{0}};
    size_t blocks = length / RATE + 1;
    for (size_t block = 0; block < blocks; block++) {
        unsigned lfsr = 1;
        for (size_t i = 0; i < RATE; i++) {
            size_t at = block * RATE + i;
            uint64_t byte = at < length ? data[at] : (at == length) ^ (uint64_t)(at == blocks * RATE - 1) << 7;
            a[i / 8 % 5][i / 40] ^= byte << 8 * (i % 8);
        }
        for (int round = 0; round < 24; round++)
            plain_round(a, &lfsr);
    }
    for (size_t i = 0; i < AG_KECCAK256_BYTES; i++)
        out[i] = (uint8_t)(a[i / 8][0] >> 8 * (i % 8));
}

static void test_every_length_equals_the_plain_one(void) {
    static uint8_t data[LONGEST];
    uint8_t fast[AG_KECCAK256_BYTES], plain[AG_KECCAK256_BYTES];
    for (size_t i = 0; i < LONGEST; i++)
        data[i] = (uint8_t)random_below(256);
    for (size_t length = 0; length < LONGEST; length++) {
        const uint8_t *from = data + (LONGEST - length) % 8; /* at every alignment */
        if (from + length > data + LONGEST)
            from = data;
        CHECK(ag_keccak256(from, length, fast) == AG_OK);
        plain_keccak256(from, length, plain);
        CHECK(memcmp(fast, plain, sizeof fast) == 0);
    }
}

static void test_a_buffer_hashes_into_itself(void) {
    uint8_t data[64] = {1, 2, 3}, expected[AG_KECCAK256_BYTES];
    plain_keccak256(data, sizeof data, expected);
    CHECK(ag_keccak256(data, sizeof data, data) == AG_OK);
    CHECK(memcmp(data, expected, sizeof expected) == 0);
}

int main(void) {
    test_published_hashes();
    test_null_is_refused();
    test_every_length_equals_the_plain_one();
    test_a_buffer_hashes_into_itself();
    printf("keccak: %d checks passed\n", checks_made);
    return 0;
}
