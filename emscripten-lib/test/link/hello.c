// A program without sockets: linking the library must cost it nothing.
#include <stdio.h>

int main(void) {
  printf("hello\n");
  return 0;
}
