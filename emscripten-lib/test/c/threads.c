// Sockets shared between threads: a call that waits holds up its own thread and no other.
#include "conformance.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

// Of waits that another thread's close ends, or not.
enum { LIMIT_MS = 1000 };

// A thread that makes one call.
typedef struct {
  pthread_t thread;
  atomic_int started;
  char task[64];
  int fd;
  long value;
  int error;
  char data[64];
  struct pollfd entry;
} Call;

typedef void Work(Call *);

typedef struct {
  Call *call;
  Work *work;
} Start;

static void *run(void *argument) {
  Start start = *(Start *)argument;
  free(argument);
  // Linux's name for this thread, by which asleep() finds it.
  ssize_t length = readlink("/proc/thread-self", start.call->task, sizeof start.call->task - 1);
  start.call->task[length > 0 ? length : 0] = 0;
  errno = 0;
  atomic_store(&start.call->started, 1);
  start.work(start.call);
  start.call->error = errno;
  return NULL;
}

static void begin(Call *call, int fd, Work *work) {
  memset(call, 0, sizeof *call);
  call->fd = fd;
  Start *start = malloc(sizeof *start);
  *start = (Start){call, work};
  int error = pthread_create(&call->thread, NULL, run, start);
  must(error == 0 ? 0 : -1, "pthread_create");
}

// Waits for the call's end, and gives its outcome.
static const char *finish(Call *call) {
  pthread_join(call->thread, NULL);
  errno = call->error;
  return call->value > 0 && call->data[0] ? call->data : outcome(call->value);
}

// Waits until the thread sleeps in its call, where that can be seen: on Linux, in /proc. Elsewhere a call that comes first
// makes no other result.
static void asleep(Call *call) {
  while (!atomic_load(&call->started)) sched_yield();
  char path[128], text[256];
  snprintf(path, sizeof path, "/proc/%s/stat", call->task);
  for (int sleeping = 0; !sleeping;) {
    FILE *file = call->task[0] ? fopen(path, "r") : NULL;
    if (!file) return;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    char *state = strrchr(text, ')');
    sleeping = !state || state[2] == 'S';
    sched_yield();
  }
}

static void receiving(Call *call) { call->value = recv(call->fd, call->data, sizeof call->data - 1, 0); }
static void reading(Call *call) { call->value = read(call->fd, call->data, sizeof call->data - 1); }
static void accepting(Call *call) { call->value = accept(call->fd, NULL, NULL); }

static void polling_for(Call *call, int ms) {
  call->entry = (struct pollfd){.fd = call->fd, .events = POLLIN | POLLRDHUP};
  call->value = poll(&call->entry, 1, ms);
}

static void polling(Call *call) { polling_for(call, -1); }
static void polling_limited(Call *call) { polling_for(call, LIMIT_MS); }

static int listener(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  Address address = v4("127.0.0.1", 0);
  must(bind(fd, &address.any, address.length), "bind");
  must(listen(fd, 32), "listen");
  return fd;
}

static int connected(int server) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(fd, "socket");
  timeout(fd, SO_RCVTIMEO, 5000);
  Address address = local(server);
  must(connect(fd, &address.any, address.length), "connect");
  return fd;
}

// Both ends of a TCP connection.
static void pair(int *client, int *server) {
  int fd = listener();
  *client = connected(fd);
  *server = accept(fd, NULL, NULL);
  must(*server, "accept");
  timeout(*server, SO_RCVTIMEO, 5000);
  close(fd);
}

CASE(thread_recv_waits_while_others_work) {
  int waiting = bound(), a = bound(), b = bound();
  Call call;
  begin(&call, waiting, receiving);
  asleep(&call);
  int worked = 0;
  for (int i = 0; i < 50; i++) {
    pass(a, b, "work");
    worked += strcmp(received(b, 0), "work") == 0;
  }
  pass(a, waiting, "hello");
  const char *got = finish(&call);
  result("%d done meanwhile, then %s", worked, got);
  close(waiting), close(a), close(b);
}

CASE(thread_recv_and_send_on_one_tcp_socket) {
  int client, server;
  pair(&client, &server);
  Call call;
  begin(&call, client, receiving);
  asleep(&call);
  must(send(client, "question", 8, 0), "send");
  const char *question = received(server, 0);
  must(send(server, "answer", 6, 0), "send");
  const char *answer = finish(&call);
  result("%s, %s", question, answer);
  close(client), close(server);
}

CASE(thread_read_waits_for_another_threads_write) {
  int client, server;
  pair(&client, &server);
  Call call;
  begin(&call, client, reading);
  asleep(&call);
  must(write(server, "text", 4), "write");
  result("%s", finish(&call));
  close(client), close(server);
}

CASE(thread_recv_hears_what_another_sends_on_the_same_udp_socket) {
  int fd = bound();
  Call call;
  begin(&call, fd, receiving);
  asleep(&call);
  pass(fd, fd, "to myself");
  result("%s", finish(&call));
  close(fd);
}

static void handling(Call *call) {
  char data[16];
  ssize_t length;
  while ((length = recv(call->fd, data, sizeof data, 0)) > 0) call->value += send(call->fd, data, length, 0);
  close(call->fd);
}

enum { CLIENTS = 8 };
static Call handlers[CLIENTS];

static void accepting_all(Call *call) {
  for (int i = 0; i < CLIENTS; i++) {
    int fd = accept(call->fd, NULL, NULL);
    must(fd, "accept");
    begin(&handlers[i], fd, handling);
  }
}

CASE(thread_accepts_and_others_handle) {
  int server = listener(), clients[CLIENTS], answered = 0;
  Call acceptor;
  begin(&acceptor, server, accepting_all);
  for (int i = 0; i < CLIENTS; i++) clients[i] = connected(server);
  for (int i = 0; i < CLIENTS; i++) {
    char text[16];
    snprintf(text, sizeof text, "client %d", i);
    must(send(clients[i], text, strlen(text), 0), "send");
    answered += strcmp(received(clients[i], 0), text) == 0;
  }
  for (int i = 0; i < CLIENTS; i++) close(clients[i]);
  finish(&acceptor);
  long bytes = 0;
  for (int i = 0; i < CLIENTS; i++) {
    finish(&handlers[i]);
    bytes += handlers[i].value;
  }
  result("%d answered, %ld bytes", answered, bytes);
  close(server);
}

CASE(thread_accept_does_not_hold_up_connect) {
  int server = listener();
  Call call;
  begin(&call, server, accepting);
  asleep(&call);
  int client = connected(server);
  finish(&call);
  must(send(client, "x", 1, 0), "send");
  result("%s", received(call.value, 0));
  close(client), close(call.value), close(server);
}

CASE(thread_accept_twice_takes_one_connection_each) {
  int server = listener();
  Call calls[2];
  begin(&calls[0], server, accepting);
  begin(&calls[1], server, accepting);
  int clients[2] = {connected(server), connected(server)};
  finish(&calls[0]), finish(&calls[1]);
  result("%s", calls[0].value >= 0 && calls[1].value >= 0 && calls[0].value != calls[1].value ? "two" : "not two");
  for (int i = 0; i < 2; i++) close(clients[i]), close(calls[i].value);
  close(server);
}

CASE(thread_poll_is_woken_by_another_threads_send) {
  int a = bound(), b = bound();
  Call call;
  begin(&call, b, polling);
  asleep(&call);
  pass(a, b, "x");
  finish(&call);
  result("%ld %s", call.value, events(call.entry.revents));
  close(a), close(b);
}

CASE(thread_poll_is_woken_by_the_peers_close) {
  int client, server;
  pair(&client, &server);
  Call call;
  begin(&call, client, polling);
  asleep(&call);
  close(server);
  finish(&call);
  result("%ld %s", call.value, events(call.entry.revents));
  close(client);
}

static void waiting_in_epoll(Call *call) {
  struct epoll_event event = {0};
  call->value = epoll_wait(call->fd, &event, 1, -1);
  call->entry.revents = event.events;
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

CASE(thread_epoll_is_woken_by_another_threads_send) {
  int a = bound(), b = bound(), epoll = epoll_create1(0);
  watch(epoll, b);
  Call call;
  begin(&call, epoll, waiting_in_epoll);
  asleep(&call);
  pass(a, b, "x");
  finish(&call);
  result("%ld %s", call.value, events(call.entry.revents));
  close(a), close(b), close(epoll);
}

CASE(thread_epoll_is_woken_by_a_socket_that_another_adds) {
  int a = bound(), b = bound(), epoll = epoll_create1(0);
  pass(a, b, "x");
  arrive(b);
  Call call;
  begin(&call, epoll, waiting_in_epoll);
  asleep(&call);
  watch(epoll, b);
  finish(&call);
  result("%ld %s", call.value, events(call.entry.revents));
  close(a), close(b), close(epoll);
}

CASE(thread_close_during_recv_udp) {
  int fd = bound();
  timeout(fd, SO_RCVTIMEO, LIMIT_MS);
  Call call;
  begin(&call, fd, receiving);
  asleep(&call);
  close(fd);
  result("%s", finish(&call));
}

CASE(thread_close_during_recv_tcp) {
  int client, server;
  pair(&client, &server);
  timeout(client, SO_RCVTIMEO, LIMIT_MS);
  Call call;
  begin(&call, client, receiving);
  asleep(&call);
  close(client);
  result("%s", finish(&call));
  close(server);
}

CASE(thread_close_during_accept) {
  int server = listener();
  timeout(server, SO_RCVTIMEO, LIMIT_MS);
  Call call;
  begin(&call, server, accepting);
  asleep(&call);
  close(server);
  result("%s", finish(&call));
}

CASE(thread_close_during_poll) {
  int fd = bound();
  Call call;
  begin(&call, fd, polling_limited);
  asleep(&call);
  close(fd);
  finish(&call);
  result("%ld %s", call.value, events(call.entry.revents));
}

CASE(thread_close_of_a_duplicate_during_recv) {
  int a = bound(), fd = bound(), copy = dup(fd);
  must(copy, "dup");
  Call call;
  begin(&call, fd, receiving);
  asleep(&call);
  close(copy);
  pass(a, fd, "still here");
  result("%s", finish(&call));
  close(a), close(fd);
}

CASE(thread_shutdown_wakes_recv_tcp) {
  int client, server;
  pair(&client, &server);
  Call call;
  begin(&call, client, receiving);
  asleep(&call);
  must(shutdown(client, SHUT_RDWR), "shutdown");
  result("%s", finish(&call));
  close(client), close(server);
}

CASE(thread_shutdown_wakes_accept) {
  int server = listener();
  Call call;
  begin(&call, server, accepting);
  asleep(&call);
  int done = shutdown(server, SHUT_RD);
  const char *shut = outcome(done);
  result("%s, accept %s", shut, finish(&call));
  close(server);
}

CASE(thread_recv_twice_takes_one_datagram_each) {
  int a = bound(), b = bound();
  Call calls[2];
  begin(&calls[0], b, receiving);
  begin(&calls[1], b, receiving);
  asleep(&calls[0]), asleep(&calls[1]);
  pass(a, b, "one");
  pass(a, b, "two");
  const char *first = finish(&calls[0]), *second = finish(&calls[1]);
  int ordered = strcmp(first, second) < 0;
  result("%s, %s", ordered ? first : second, ordered ? second : first);
  close(a), close(b);
}

CASE(thread_peek_leaves_it_to_another) {
  int a = bound(), b = bound();
  pass(a, b, "seen");
  arrive(b);
  const char *peeked = received(b, MSG_PEEK);
  Call call;
  begin(&call, b, receiving);
  const char *got = finish(&call);
  result("%s, %s", peeked, got);
  close(a), close(b);
}

CASE(thread_nonblock_set_during_recv) {
  int a = bound(), b = bound();
  Call call;
  begin(&call, b, receiving);
  asleep(&call);
  must(fcntl(b, F_SETFL, O_NONBLOCK), "fcntl");
  pass(a, b, "hello");
  const char *got = finish(&call);
  result("%s, then %s", got, received(b, 0));
  close(a), close(b);
}

static void failing(Call *call) { call->value = recv(call->fd, call->data, 1, 0); }

CASE(thread_errno_is_its_own) {
  int fd = bound();
  fcntl(fd, F_SETFL, O_NONBLOCK);
  Call bad, empty;
  errno = EDOM;
  begin(&bad, -1, failing);
  begin(&empty, fd, failing);
  pthread_join(bad.thread, NULL);
  pthread_join(empty.thread, NULL);
  const char *here = outcome(-1);
  errno = bad.error;
  const char *first = outcome(bad.value);
  errno = empty.error;
  const char *second = outcome(empty.value);
  result("%s, %s, %s", here, first, second);
  close(fd);
}

static void timing_out(Call *call) {
  timeout(call->fd, SO_RCVTIMEO, 100);
  double start = now_ms();
  receiving(call);
  int error = errno;
  if (now_ms() - start < 95) call->value = 0;
  errno = error;
}

CASE(thread_time_limits_are_each_sockets_own) {
  Call calls[4];
  for (int i = 0; i < 4; i++) begin(&calls[i], bound(), timing_out);
  int expired = 0;
  for (int i = 0; i < 4; i++) expired += strcmp(finish(&calls[i]), "EAGAIN") == 0;
  result("%d expired", expired);
  for (int i = 0; i < 4; i++) close(calls[i].fd);
}

static int target;
static Call senders[4];

static void sending_50(Call *call) {
  char data[32];
  memset(data, 'a' + (call - senders), sizeof data);
  for (int i = 0; i < 50; i++) to(call->fd, data, sizeof data, local(target));
}

CASE(thread_sends_of_four_on_one_udp_socket_are_whole) {
  int fd = bound();
  target = bound();
  for (int i = 0; i < 4; i++) begin(&senders[i], fd, sending_50);
  int counts[4] = {0}, mixed = 0;
  for (int n = 0; n < 200; n++) {
    char data[64];
    if (recv(target, data, sizeof data, 0) != 32) break;
    for (int i = 1; i < 32; i++) mixed += data[i] != data[0];
    if (data[0] >= 'a' && data[0] < 'e') counts[data[0] - 'a']++;
  }
  for (int i = 0; i < 4; i++) finish(&senders[i]);
  result("%d %d %d %d, %d mixed", counts[0], counts[1], counts[2], counts[3], mixed);
  close(fd), close(target);
}

static void filling(Call *call) {
  static char block[1 << 16];
  for (int i = 0; i < 128; i++) {
    ssize_t sent = send(call->fd, block, sizeof block, 0);
    if (sent < 0) return;
    call->value += sent;
  }
}

CASE(thread_send_that_waits_for_room_is_woken_by_a_reader) {
  int client, server;
  pair(&client, &server);
  Call call;
  begin(&call, client, filling);
  asleep(&call);
  static char block[1 << 16];
  long got = 0, length;
  while (got < 128L << 16 && (length = recv(server, block, sizeof block, 0)) > 0) got += length;
  result("sent %s, received %ld", finish(&call), got);
  close(client), close(server);
}

enum { TALKERS = 16, MESSAGES = 100, LENGTH = 48 };
static int talk_server;

static int whole(int fd, char *data) {
  for (int got = 0; got < LENGTH;) {
    ssize_t length = recv(fd, data + got, LENGTH - got, 0);
    if (length <= 0) return 0;
    got += length;
  }
  return 1;
}

static void echoing(Call *call) {
  char data[LENGTH];
  while (whole(call->fd, data)) call->value += send(call->fd, data, LENGTH, 0) == LENGTH;
  close(call->fd);
}

static void talking(Call *call) {
  int fd = connected(talk_server);
  for (int i = 0; i < MESSAGES; i++) {
    char data[LENGTH] = {0}, back[LENGTH];
    snprintf(data, sizeof data, "talker %p message %d", (void *)call, i);
    if (send(fd, data, LENGTH, 0) != LENGTH || !whole(fd, back)) break;
    call->value += memcmp(data, back, LENGTH) == 0;
  }
  close(fd);
}

CASE(thread_sixteen_tcp_conversations_are_not_mixed) {
  static Call talkers[TALKERS], echoers[TALKERS];
  talk_server = listener();
  for (int i = 0; i < TALKERS; i++) begin(&talkers[i], -1, talking);
  for (int i = 0; i < TALKERS; i++) {
    int fd = accept(talk_server, NULL, NULL);
    must(fd, "accept");
    begin(&echoers[i], fd, echoing);
  }
  long right = 0, echoed = 0;
  for (int i = 0; i < TALKERS; i++) {
    finish(&talkers[i]), finish(&echoers[i]);
    right += talkers[i].value;
    echoed += echoers[i].value;
  }
  result("%ld echoed, %ld right", echoed, right);
  close(talk_server);
}

CASE(thread_talks_over_a_socketpair) {
  int ends[2];
  must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
  Call first, second;
  begin(&first, ends[1], receiving);
  asleep(&first);
  must(write(ends[0], "wake up", 7), "write");
  const char *woken = finish(&first);
  begin(&second, ends[1], receiving);
  asleep(&second);
  close(ends[0]);
  result("%s, then %s", woken, finish(&second));
  close(ends[1]);
}

int main(void) {
  RUN(thread_recv_waits_while_others_work);
  RUN(thread_recv_and_send_on_one_tcp_socket);
  RUN(thread_read_waits_for_another_threads_write);
  RUN(thread_recv_hears_what_another_sends_on_the_same_udp_socket);
  RUN(thread_accepts_and_others_handle);
  RUN(thread_accept_does_not_hold_up_connect);
  RUN(thread_accept_twice_takes_one_connection_each);
  RUN(thread_poll_is_woken_by_another_threads_send);
  RUN(thread_poll_is_woken_by_the_peers_close);
  RUN(thread_epoll_is_woken_by_another_threads_send);
  RUN(thread_epoll_is_woken_by_a_socket_that_another_adds);
  RUN(thread_close_during_recv_udp);
  RUN(thread_close_during_recv_tcp);
  RUN(thread_close_during_accept);
  RUN(thread_close_during_poll);
  RUN(thread_close_of_a_duplicate_during_recv);
  RUN(thread_shutdown_wakes_recv_tcp);
  RUN(thread_shutdown_wakes_accept);
  RUN(thread_recv_twice_takes_one_datagram_each);
  RUN(thread_peek_leaves_it_to_another);
  RUN(thread_nonblock_set_during_recv);
  RUN(thread_errno_is_its_own);
  RUN(thread_time_limits_are_each_sockets_own);
  RUN(thread_sends_of_four_on_one_udp_socket_are_whole);
  RUN(thread_send_that_waits_for_room_is_woken_by_a_reader);
  RUN(thread_sixteen_tcp_conversations_are_not_mixed);
  RUN(thread_talks_over_a_socketpair);
  return 0;
}
