// Runs single A64 instructions on a reference CPU and prints a hash of the state after each: the source of vectors.txt.
// Build: aarch64-linux-gnu-gcc -O2 -static -o oracle oracle.c; run: python3 words.py | qemu-aarch64-static -cpu max ./oracle > vectors.txt
// Input: one hexadecimal instruction word a line. Output: word and hash, or word and "undefined". Lines starting with # pass through.
// SimdOracleTests.cs sets the same state up; what is hashed, and in which order, is the same in both.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { Trials = 6, BufferBytes = 4096, FirstX = 1, LastX = 15 };

struct State {
    uint64_t v[32][2];
    uint64_t x[32];
    uint64_t fpsr;
};

static struct State state;
static uint8_t buffer[BufferBytes] __attribute__((aligned(4096)));
static uint32_t *page;
static sigjmp_buf undefined;

static uint64_t seed;

static uint64_t next(void) {
    uint64_t z = seed += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

// Half of the doublewords are made of corner values of 8, 16, 32 or 64 bits, the other half is random.
static uint64_t operand(void) {
    static const uint64_t corners[8] = { 0, 1, 2, 0x7FFFFFFFFFFFFFFFull, 0x8000000000000000ull, 0x8000000000000001ull, ~0ull, ~1ull };
    uint64_t kind = next() & 7, bits, value = 0;
    if (kind >= 4) {
        return next();
    }
    bits = 8ull << kind;
    for (uint64_t i = 0; i < 64; i += bits) {
        uint64_t r = next();
        uint64_t lane = corners[r & 7];
        if ((r & 7) >= 3 && (r & 7) <= 5) {
            // The corner's high bits, and its lowest.
            lane = (lane >> (64 - bits)) | (bits < 64 ? lane & 1 : 0);
        }
        value |= (bits == 64 ? lane : lane & ((1ull << bits) - 1)) << i;
    }
    return value;
}

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x100000001B3ull;
    return h ^ (h >> 29);
}

static void on_sigill(int n) {
    (void)n;
    siglongjmp(undefined, 1);
}

#define STP_V(n, m, off) "stp q" #n ", q" #m ", [%0, #" #off "]\n"
#define LDP_V(n, m, off) "ldp q" #n ", q" #m ", [%0, #" #off "]\n"
#define ALL(OP) \
    OP(0, 1, 0) OP(2, 3, 32) OP(4, 5, 64) OP(6, 7, 96) OP(8, 9, 128) OP(10, 11, 160) OP(12, 13, 192) OP(14, 15, 224) \
    OP(16, 17, 256) OP(18, 19, 288) OP(20, 21, 320) OP(22, 23, 352) OP(24, 25, 384) OP(26, 27, 416) OP(28, 29, 448) OP(30, 31, 480)

static void run(void) {
    register struct State *s __asm__("x19") = &state;
    register void *code __asm__("x20") = page;
    register uint64_t *x __asm__("x21") = state.x;
    __asm__ volatile(
        "ldr x0, [%0, #768]\n msr fpsr, x0\n"
        ALL(LDP_V)
        "ldp x1, x2, [%2, #8]\n ldp x3, x4, [%2, #24]\n ldp x5, x6, [%2, #40]\n ldp x7, x8, [%2, #56]\n"
        "ldp x9, x10, [%2, #72]\n ldp x11, x12, [%2, #88]\n ldp x13, x14, [%2, #104]\n ldr x15, [%2, #120]\n"
        "blr %1\n"
        "stp x1, x2, [%2, #8]\n stp x3, x4, [%2, #24]\n stp x5, x6, [%2, #40]\n stp x7, x8, [%2, #56]\n"
        "stp x9, x10, [%2, #72]\n stp x11, x12, [%2, #88]\n stp x13, x14, [%2, #104]\n str x15, [%2, #120]\n"
        ALL(STP_V)
        "mrs x0, fpsr\n str x0, [%0, #768]\n"
        : "+r"(s), "+r"(code), "+r"(x)
        :
        : "memory", "cc", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x30",
          "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15",
          "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31");
}

static uint64_t trial(uint32_t word, int n) {
    uint64_t h = 0xCBF29CE484222325ull;
    seed = ((uint64_t)word << 8) | (uint64_t)n;
    for (int i = 0; i < 32; i++) {
        state.v[i][0] = operand();
        state.v[i][1] = operand();
    }
    for (int i = FirstX; i <= LastX; i++) {
        state.x[i] = operand();
    }
    for (int i = 0; i < BufferBytes; i += 8) {
        uint64_t v = next();
        memcpy(buffer + i, &v, 8);
    }
    state.x[1] = (uint64_t)buffer + 1024 + (next() & 15);
    state.x[2] = (uint64_t)buffer + 2048 + (next() & 63);
    state.fpsr = 0;
    run();
    for (int i = 0; i < 32; i++) {
        h = mix(mix(h, state.v[i][0]), state.v[i][1]);
    }
    state.x[1] -= (uint64_t)buffer;
    state.x[2] -= (uint64_t)buffer;
    for (int i = FirstX; i <= LastX; i++) {
        h = mix(h, state.x[i]);
    }
    h = mix(h, (state.fpsr >> 27) & 1);
    for (int i = 960; i < 2304; i += 8) {
        uint64_t v;
        memcpy(&v, buffer + i, 8);
        h = mix(h, v);
    }
    return h;
}

int main(void) {
    char line[256];
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_sigill;
    action.sa_flags = SA_NODEFER;
    sigaction(SIGILL, &action, 0);
    page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (fgets(line, sizeof line, stdin)) {
        if (line[0] == '#') {
            fputs(line, stdout);
            continue;
        }
        uint32_t word = (uint32_t)strtoul(line, 0, 16);
        page[0] = word;
        page[1] = 0xD65F03C0; // RET
        __builtin___clear_cache((char *)page, (char *)page + 8);
        if (sigsetjmp(undefined, 1)) {
            printf("%08x undefined\n", word);
            continue;
        }
        uint64_t h = 0;
        for (int n = 0; n < Trials; n++) {
            h = mix(h, trial(word, n));
        }
        printf("%08x %08x\n", word, (uint32_t)(h ^ (h >> 32)));
    }
    return 0;
}
