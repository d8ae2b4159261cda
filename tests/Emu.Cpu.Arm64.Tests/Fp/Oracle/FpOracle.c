// Prints the table of floating-point results that FpCases.txt holds: runs every instruction of FpCases.S on this AArch64 CPU, over pseudo-random
// operands that favour special values, in every mode, and prints a hash of all results. FpTableTests.cs generates the same operands.
// With the arguments SIZE WORD MODE (WORD in hexadecimal) prints operands and results one by one instead.
//   aarch64-linux-gnu-gcc -O2 -static -o FpOracle FpOracle.c FpCases.S && qemu-aarch64-static ./FpOracle > ../FpCases.txt
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct state { uint64_t v[8]; uint64_t x0, x1, fpcr, fpsr, nzcv; };

extern uint32_t cases16[], cases32[], cases64[], cases_end[];
extern void run(void *code, struct state *state);

enum { TUPLES = 400, ROUNDING_MODES = 4, OPTIONS = 5, MODES = ROUNDING_MODES * OPTIONS };

// FZ and FZ16; DN; AHP; all of them.
static const uint32_t options[OPTIONS] = { 0, 0x01080000, 0x02000000, 0x04000000, 0x07080000 };

static const uint64_t specials16[] = {
    0x0000, 0x0001, 0x0002, 0x01ff, 0x0200, 0x03ff, 0x0400, 0x0401, 0x07ff, 0x0800, 0x1000, 0x1400, 0x2c00, 0x3555, 0x3800, 0x3801, 0x3bff, 0x3c00,
    0x3c01, 0x3e00, 0x4000, 0x4100, 0x4200, 0x4248, 0x5bff, 0x5c00, 0x63ff, 0x6400, 0x6801, 0x77ff, 0x7800, 0x7a00, 0x7bff, 0x7c00, 0x7c01, 0x7d55,
    0x7e00, 0x7e01, 0x7fff };
static const uint64_t specials32[] = {
    0x00000000, 0x00000001, 0x00000002, 0x00200000, 0x003fffff, 0x00400000, 0x007fffff, 0x00800000, 0x00800001, 0x00ffffff, 0x01000000, 0x1f800000,
    0x20000000, 0x33000000, 0x33000001, 0x337fffff, 0x38000000, 0x387fe000, 0x387ff000, 0x38800000, 0x3eaaaaab, 0x3effffff, 0x3f000000, 0x3f000001,
    0x3f7fffff, 0x3f800000, 0x3f800001, 0x3f801000, 0x3fc00000, 0x40000000, 0x40200000, 0x40400000, 0x40490fdb, 0x477fe000, 0x477fefff, 0x477ff000,
    0x47800000, 0x4affffff, 0x4b000001, 0x4b800001, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f7fffff, 0x5f800000,
    0x7e800000, 0x7f000000, 0x7f7fffff, 0x7f7f8000, 0x7f800000, 0x7f800001, 0x7faaaaaa, 0x7fc00000, 0x7fc00001, 0x7fe12345, 0x7fffffff };
static const uint64_t specials64[] = {
    0x0000000000000000, 0x0000000000000001, 0x0000000000000002, 0x0004000000000000, 0x0007ffffffffffff, 0x0008000000000000, 0x000fffffffffffff,
    0x0010000000000000, 0x0010000000000001, 0x001fffffffffffff, 0x0020000000000000, 0x1ff0000000000000, 0x3690000000000000, 0x36a0000000000000,
    0x380fffffc0000000, 0x380fffffe0000000, 0x3810000000000000, 0x3e60000000000000, 0x3f0ffc0000000000, 0x3f10000000000000, 0x3fd5555555555555,
    0x3fdfffffffffffff, 0x3fe0000000000000, 0x3fe0000000000001, 0x3fefffffffffffff, 0x3ff0000000000000, 0x3ff0000000000001, 0x3ff0000010000000,
    0x3ff8000000000000, 0x4000000000000000, 0x4004000000000000, 0x4008000000000000, 0x400921fb54442d18, 0x40effc0000000000, 0x40effe0000000000,
    0x41dfffffffbfffff, 0x41dfffffffc00000, 0x41dfffffffe00000, 0x41e0000000000000, 0x41e0000000100000, 0x41efffffffe00000, 0x41effffffff00000,
    0x41f0000000000000, 0x432fffffffffffff, 0x4330000000000001, 0x4340000000000001, 0x43dfffffffffffff, 0x43e0000000000000, 0x43e0000000000001,
    0x43efffffffffffff, 0x43f0000000000000, 0x4630000000000001, 0x47efffffe0000000, 0x47effffff0000000, 0x47f0000000000000, 0x7fd0000000000000,
    0x7fe0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000000001, 0x7ff4aaaaaaaaaaaa, 0x7ff8000000000000, 0x7ff8000000000001,
    0x7ff8123456789abc, 0x7fffffffffffffff };
static const uint64_t integers[] = {
    0, 1, 2, 0x7ff, 0x801, 0xffff, 0x10010, 0xffffff, 0x1000001, 0x1000003, 0x7fffff80, 0x7fffffbf, 0x7fffffc0, 0x7fffffff, 0x80000000, 0x80000001,
    0xffffffff, 0x100000000, 0x1fffffffffffff, 0x20000000000001, 0x20000000000003, 0x7ffffffffffffdff, 0x7ffffffffffffe00, 0x7fffffffffffffff,
    0x8000000000000000, 0x8000000000000001, 0x8000000000000401, 0xfffffffffffff800, 0xffffffffffffffff };

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t seed;

static uint64_t next(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t lane(int size)
{
    const uint64_t *specials = size == 64 ? specials64 : size == 32 ? specials32 : specials16;
    size_t count = size == 64 ? COUNT(specials64) : size == 32 ? COUNT(specials32) : COUNT(specials16);
    int exponent_bits = size == 64 ? 11 : size == 32 ? 8 : 5;
    int fraction_bits = size - 1 - exponent_bits;
    uint64_t bias = (1ull << (exponent_bits - 1)) - 1;
    uint64_t r = next(), fraction = next(), sign = (r >> 63) << (size - 1), special = specials[(r >> 8) % count];
    uint64_t v;
    switch (r & 7) {
    case 4:
        v = fraction;
        break;
    case 5:
        fraction = (r >> 32 & 3) == 0 ? 0 : (r >> 32 & 3) == 1 ? ~0ull : (r >> 32 & 3) == 2 ? fraction & next() & next() : fraction;
        v = sign | (r >> 40) << fraction_bits | (fraction & ((1ull << fraction_bits) - 1));
        break;
    case 6:
        v = sign | (((r >> 32 & 1 ? bias : bias / 2) + (r >> 40 & 7) - 4) << fraction_bits) | (fraction & ((1ull << fraction_bits) - 1));
        break;
    case 7:
        v = (special + (r >> 62 & 1 ? 1 : -1ull)) ^ sign;
        break;
    default:
        v = special ^ sign;
        break;
    }
    return size == 64 ? v : v & ((1ull << size) - 1);
}

static void fill(struct state *s, int size, int mode)
{
    for (int i = 0; i < 8; i++) {
        s->v[i] = 0;
        for (int shift = 0; shift < 64; shift += size)
            s->v[i] |= lane(size) << shift;
    }
    uint64_t r = next();
    s->x0 = r;
    s->x1 = r & 1 ? integers[(r >> 8) % COUNT(integers)] : next() >> (r >> 8 & 63);
    s->nzcv = (r >> 16 & 15) << 28;
    s->fpsr = r >> 20 & 1 ? 0x10 : 0;
    s->fpcr = options[mode / ROUNDING_MODES] | (uint64_t)(mode % ROUNDING_MODES) << 22;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 32;
}

// Two results of QEMU 7.2 that are not the architecture's: FCVTZS (scalar, half, fixed-point) leaves sign bits above bit 15, and FJCVTZS calls a positive
// denormal that FZ flushed exact (FPToFixedJS: Z is 0). Real CPUs and later versions need neither correction.
static void correct(uint32_t word, const struct state *before, struct state *after)
{
    if ((word & 0xfff0fc00) == 0x5f10fc00) {
        after->v[0] &= 0xffff;
    } else if ((word & 0xfffffc00) == 0x1e7e0000 && before->fpcr & 1 << 24 && before->v[2] - 1 < 0xfffffffffffff) {
        after->nzcv = 0;
    }
}

static uint32_t run_case(uint32_t *code, int size, uint32_t word, int mode, int print)
{
    uint64_t hash = 0;
    code[0] = word;
    code[1] = 0xd65f03c0;
    __builtin___clear_cache((char *)code, (char *)(code + 2));
    seed = (uint64_t)word << 8 | mode;
    for (int i = 0; i < TUPLES; i++) {
        struct state s;
        fill(&s, size, mode);
        if (print) {
            printf("%d:", i);
            for (int j = 0; j < 4; j++)
                printf(" v%d=%016lx%016lx", j, s.v[2 * j + 1], s.v[2 * j]);
            printf(" x1=%lx nzcv=%lx fpsr=%lx fpcr=%lx", s.x1, s.nzcv >> 28, s.fpsr, s.fpcr);
        }
        struct state before = s;
        run(code, &s);
        correct(word, &before, &s);
        if (print)
            printf(" -> v0=%016lx%016lx x0=%lx nzcv=%lx fpsr=%lx\n", s.v[1], s.v[0], s.x0, s.nzcv >> 28, s.fpsr);
        hash = mix(hash, s.v[0]);
        hash = mix(hash, s.v[1]);
        hash = mix(hash, s.x0);
        hash = mix(hash, (s.nzcv >> 28) << 32 | s.fpsr);
    }
    return (uint32_t)hash;
}

static void print_list(const char *name, const uint64_t *list, size_t count)
{
    printf("%s", name);
    for (size_t i = 0; i < count; i++)
        printf(" %lx", list[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    uint32_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argc == 4) {
        run_case(code, atoi(argv[1]), strtoul(argv[2], 0, 16), atoi(argv[3]), 1);
        return 0;
    }
    printf("# Printed by Oracle/FpOracle.c. Lines: element size, instruction, a hash of its results for each mode; before them, lists of operands.\n");
    print_list("specials16", specials16, COUNT(specials16));
    print_list("specials32", specials32, COUNT(specials32));
    print_list("specials64", specials64, COUNT(specials64));
    print_list("integers", integers, COUNT(integers));
    for (uint32_t *p = cases16; p < cases_end; p++) {
        int size = p < cases32 ? 16 : p < cases64 ? 32 : 64;
        printf("%d %08x", size, *p);
        for (int mode = 0; mode < MODES; mode++)
            printf(" %08x", run_case(code, size, *p, mode, 0));
        printf("\n");
    }
    return 0;
}
