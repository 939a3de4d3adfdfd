// Prints from where nothing can suspend: a static constructor, a callback, and stdio's flush at exit.
#include <emscripten.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

__attribute__((constructor)) static void before_main(void) { printf("constructor\n"); }

static void later(void *argument) {
  printf("callback %s\n", (const char *)argument);
  printf("no newline");
  exit(3);
}

int main(void) {
  socket(AF_INET, SOCK_DGRAM, 0);
  emscripten_async_call(later, "ran", 0);
  return 0;
}
