// socketpair() for programs that are linked with libdirectsockets.js: one more of their sources. Emscripten's libc has the
// function, on a stub (ENOSYS), and the linker takes what is native before what a JavaScript library has.
#include <errno.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

// 0, or the negative errno.
int __directsockets_socketpair(int domain, int type, int protocol, int *descriptors);

int socketpair(int domain, int type, int protocol, int descriptors[2]) {
  int result = __directsockets_socketpair(domain, type, protocol, descriptors);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

#ifdef __cplusplus
}
#endif
