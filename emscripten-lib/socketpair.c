// socketpair() for programs that are linked with libdirectsockets.js: compile it, and link it beside. Emscripten's libc has
// a stub for this call, ENOSYS, and the linker takes a native function, even a weak one, before one of a JavaScript library.
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int __directsockets_socketpair(int domain, int type, int protocol, intptr_t descriptors);

int __syscall_socketpair(int domain, int type, int protocol, intptr_t descriptors, int unused1, int unused2) {
  (void)unused1;
  (void)unused2;
  return __directsockets_socketpair(domain, type, protocol, descriptors);
}

#ifdef __cplusplus
}
#endif
