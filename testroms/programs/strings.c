// A hash table of strings: formatting, hashing, comparing, allocating, chasing pointers.
#include "program.h"

enum { BUCKETS = 1 << 14, WORDS = 60000, LOOKUPS = 600000 };

struct entry {
  struct entry *next;
  uint64_t count;
  char key[];
};

static struct entry *table[BUCKETS];

static uint32_t hash(const char *s) {
  uint32_t h = 5381;
  while (*s) h = h * 33 ^ (uint8_t)*s++;
  return h;
}

static struct entry *find(const char *key, int add) {
  struct entry **at = &table[hash(key) % BUCKETS];
  for (; *at; at = &(*at)->next)
    if (strcmp((*at)->key, key) == 0) return *at;
  if (!add) return NULL;
  size_t length = strlen(key) + 1;
  struct entry *e = malloc(sizeof *e + length);
  if (!e) abort();
  e->next = NULL;
  e->count = 0;
  memcpy(e->key, key, length);
  return *at = e;
}

static void word(char *out, size_t size, uint64_t n) { snprintf(out, size, "word-%llx/%llu", (unsigned long long)(n * 0x9e3779b97f4a7c15u), (unsigned long long)n); }

int main(void) {
  uint64_t seed = 5573589319906701683u, sum = 0;
  char key[64];
  double start = now();
  for (int i = 0; i < WORDS; i++) {
    word(key, sizeof key, (uint64_t)i);
    find(key, 1)->count = (uint64_t)i;
  }
  for (int i = 0; i < LOOKUPS; i++) {
    word(key, sizeof key, next_random(&seed) % (WORDS * 2));
    struct entry *e = find(key, 0);
    if (e) sum = add_checksum(sum, e->count + strtoull(strchr(e->key, '/') + 1, NULL, 10));
  }
  return report("strings", sum, start);
}
