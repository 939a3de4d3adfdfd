// The reproducible stream of these programs and of their peer (tcp-peer.js), and how they end.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Word k of the stream: the finaliser of MurmurHash3.
static uint32_t word(uint32_t k) {
  k ^= k >> 16;
  k *= 0x85ebca6b;
  k ^= k >> 13;
  k *= 0xc2b2ae35;
  return k ^ (k >> 16);
}

// Bytes `position` and on of the stream.
static void fill(uint8_t *out, uint64_t position, size_t length) {
  for (size_t i = 0; i < length && (position + i) % 4; i++) out[i] = word((position + i) / 4) >> (8 * ((position + i) % 4));
  size_t i = (4 - position % 4) % 4;
  for (; i + 4 <= length; i += 4) {
    uint32_t value = word((position + i) / 4);
    memcpy(out + i, &value, 4);
  }
  for (; i < length; i++) out[i] = word((position + i) / 4) >> (8 * ((position + i) % 4));
}

static void die(const char *what) {
  printf("%s: %s\n", what, strerror(errno));
  exit(1);
}
