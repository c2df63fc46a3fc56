/* Which ways a run took through the compiled parts: gcc's -fsanitize-coverage=trace-pc
   calls the first function at each branch; the rest is called by the fuzzer. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIZE 65536

static uint8_t map[SIZE];
static uint8_t seen[SIZE];
static size_t edges;
static _Thread_local uint32_t before;

void __sanitizer_cov_trace_pc(void)
{
    uint64_t place = (uint64_t)(uintptr_t)__builtin_return_address(0);
    uint32_t here = (uint32_t)((place * 0x9E3779B97F4A7C15u) >> 48);

    map[(here ^ before) & (SIZE - 1)]++;
    before = here >> 1;
}

void coverage_begin(void)
{
    memset(map, 0, SIZE);
    before = 0;
}

/* How often a way was taken, roughly: 1, 2, 3, 4, 8, 16, 32, 128 times or more. */
static uint8_t bucket(uint8_t count)
{
    static const uint8_t least[] = {1, 2, 3, 4, 8, 16, 32, 128};
    uint8_t bit = 0;

    for (int n = 0; n < 8; n++)
        if (count >= least[n])
            bit = (uint8_t)(1u << n);
    return bit;
}

/* How many ways were new, or taken so often for the first time. */
size_t coverage_news(void)
{
    size_t news = 0;

    for (size_t at = 0; at < SIZE; at += 8) {
        uint64_t word;

        memcpy(&word, map + at, 8);
        if (word == 0)
            continue;
        for (size_t n = at; n < at + 8; n++) {
            uint8_t bit = bucket(map[n]);

            if (bit & ~seen[n]) {
                edges += seen[n] == 0;
                seen[n] |= bit;
                news++;
            }
        }
    }
    return news;
}

size_t coverage_edges(void)
{
    return edges;
}
