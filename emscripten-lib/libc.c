// What of libc programs with libdirectsockets.js have from native code: one more of their sources. Emscripten's libc has
// these functions on stubs, or not at all, and the linker takes what is native before what a JavaScript library has.
#include <errno.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <emscripten/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- socketpair: ENOSYS in Emscripten's libc ---------------------------------------------------------------------------

// 0, or the negative errno.
int __directsockets_socketpair(int domain, int type, int protocol, int *descriptors);

int socketpair(int domain, int type, int protocol, int descriptors[2]) {
  int result = __directsockets_socketpair(domain, type, protocol, descriptors);
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

// --- setrlimit: EPERM in Emscripten's libc, at which servers give up ---------------------------------------------------

// From then on a descriptor of that number or above is EMFILE.
int __directsockets_descriptors(int limit);

// FS.MAX_OPEN_FDS of Emscripten, and the most that there can be here.
#define DESCRIPTORS 4096

// Where a limit was set. Two threads that set one at the same time get what either has set, or half of each.
static struct rlimit set_limits[RLIM_NLIMITS];
static char is_set[RLIM_NLIMITS];

static struct rlimit limit_of(int resource) {
  if (is_set[resource]) return set_limits[resource];
  rlim_t limit = RLIM_INFINITY;
  if (resource == RLIMIT_NOFILE) limit = DESCRIPTORS;
  if (resource == RLIMIT_STACK) limit = emscripten_stack_get_base() - emscripten_stack_get_end();
  struct rlimit both;
  both.rlim_cur = both.rlim_max = limit;
  return both;
}

// getrlimit(), setrlimit() and prlimit() come here. Only the number of descriptors has an effect.
int __syscall_prlimit64(pid_t process, int resource, const struct rlimit *next, struct rlimit *last) {
  if (process != 0 && process != getpid()) return -ESRCH;
  if (resource < 0 || resource >= RLIM_NLIMITS) return -EINVAL;
  struct rlimit now = limit_of(resource);
  if (next) {
    if (next->rlim_cur > next->rlim_max) return -EINVAL;
    if (next->rlim_max > now.rlim_max) return -EPERM;
    set_limits[resource] = *next;
    is_set[resource] = 1;
    if (resource == RLIMIT_NOFILE) __directsockets_descriptors((int)next->rlim_cur);
  }
  if (last) *last = now;
  return 0;
}

// --- getrusage: ENOSYS in Emscripten's libc, with a line on the console at each call -----------------------------------

// Servers ask for their statistics, and print what they find there, whatever it returned. Nothing of it is known here: a
// field that a system does not keep is 0, as on Linux.
int getrusage(int who, struct rusage *usage) {
  if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD) {
    errno = EINVAL;
    return -1;
  }
  *usage = (struct rusage){0};
  return 0;
}

// --- initgroups: not in Emscripten's libc ------------------------------------------------------------------------------

// As setgroups() there: groups are root's to set. A program that brings its own, for a system without, keeps it.
__attribute__((weak)) int initgroups(const char *user, gid_t group) {
  (void)user;
  (void)group;
  errno = EPERM;
  return -1;
}

#ifdef __cplusplus
}
#endif
