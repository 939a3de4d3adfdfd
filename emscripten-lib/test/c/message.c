// sendmsg() and recvmsg(), sendmmsg() and recvmmsg(): scatter and gather, flags that come back, names.
#include "conformance.h"

static struct msghdr message(struct iovec *parts, size_t count, Address *address) {
  struct msghdr header = {.msg_iov = parts, .msg_iovlen = count};
  if (address) {
    header.msg_name = &address->any;
    header.msg_namelen = address->length;
  }
  return header;
}

CASE(sendmsg_gathers) {
  int a = bound(), b = bound();
  Address address = local(b);
  struct iovec parts[] = {{"one ", 4}, {NULL, 0}, {"two ", 4}, {"three", 5}};
  struct msghdr header = message(parts, 4, &address);
  const char *sent = outcome(sendmsg(a, &header, 0));
  result("%s, %s", sent, received(b, 0));
  close(a);
  close(b);
}

CASE(recvmsg_scatters) {
  int a = bound(), b = bound();
  pass(a, b, "onetwothree");
  char one[4] = "", two[4] = "", three[16] = "";
  struct iovec parts[] = {{one, 3}, {two, 3}, {three, 15}};
  struct msghdr header = message(parts, 3, NULL);
  const char *length = outcome(recvmsg(b, &header, 0));
  result("%s: %s %s %s", length, one, two, three);
  close(a);
  close(b);
}

CASE(recvmsg_names_the_sender) {
  int a = bound(), b = bound();
  pass(a, b, "x");
  Address from = {.length = sizeof from.v6}, expected = local(a);
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr header = message(&part, 1, &from);
  const char *length = outcome(recvmsg(b, &header, 0));
  result("%s from the %s, length %d", length, same(&from, &expected) ? "sender" : "wrong address",
    (int)header.msg_namelen);
  close(a);
  close(b);
}

CASE(recvmsg_sets_no_flags_for_a_whole_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  char data[8], control[64];
  struct iovec part = {data, sizeof data};
  struct msghdr header = message(&part, 1, NULL);
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  header.msg_flags = MSG_TRUNC | MSG_OOB;
  const char *length = outcome(recvmsg(b, &header, 0));
  result("%s, flags %d, control %d", length, header.msg_flags, (int)header.msg_controllen);
  close(a);
  close(b);
}

CASE(recvmsg_says_that_it_cut) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  char data[4];
  struct iovec part = {data, 2};
  struct msghdr header = message(&part, 1, NULL);
  const char *length = outcome(recvmsg(b, &header, 0));
  result("%s, %s", length, header.msg_flags == MSG_TRUNC ? "MSG_TRUNC" : "other flags");
  close(a);
  close(b);
}

CASE(recvmsg_trunc_tells_the_whole_length) {
  int a = bound(), b = bound();
  pass(a, b, "abcdef");
  char data[4];
  struct iovec part = {data, 2};
  struct msghdr header = message(&part, 1, NULL);
  const char *length = outcome(recvmsg(b, &header, MSG_TRUNC));
  result("%s, %s", length, header.msg_flags == MSG_TRUNC ? "MSG_TRUNC" : "other flags");
  close(a);
  close(b);
}

CASE(recvmsg_peek_leaves_the_datagram) {
  int a = bound(), b = bound();
  pass(a, b, "abc");
  char data[8] = "";
  struct iovec part = {data, 7};
  struct msghdr header = message(&part, 1, NULL);
  const char *length = outcome(recvmsg(b, &header, MSG_PEEK));
  result("%s %s, %s", length, data, received(b, 0));
  close(a);
  close(b);
}

CASE(recvmsg_dontwait_nothing_there) {
  int fd = bound();
  char byte;
  struct iovec part = {&byte, 1};
  struct msghdr header = message(&part, 1, NULL);
  result("%s", outcome(recvmsg(fd, &header, MSG_DONTWAIT)));
  close(fd);
}

CASE(sendmsg_without_parts_is_an_empty_datagram) {
  int a = bound(), b = bound();
  Address address = local(b);
  struct msghdr header = message(NULL, 0, &address);
  ssize_t sent = sendmsg(a, &header, 0);
  char byte;
  result("%s, %s", outcome(sent), sent < 0 ? "nothing sent" : outcome(recv(b, &byte, 1, 0)));
  close(a);
  close(b);
}

CASE(sendmsg_without_destination) {
  int fd = bound();
  struct iovec part = {"x", 1};
  struct msghdr header = message(&part, 1, NULL);
  result("%s", outcome(sendmsg(fd, &header, 0)));
  close(fd);
}

CASE(sendmsg_name_of_no_length_is_none) {
  int fd = bound();
  Address address = local(fd);
  struct iovec part = {"x", 1};
  struct msghdr header = message(&part, 1, &address);
  header.msg_namelen = 0;
  result("%s", outcome(sendmsg(fd, &header, 0)));
  close(fd);
}

CASE(sendmsg_too_many_parts) {
  int a = bound(), b = bound();
  static struct iovec parts[1025];
  Address address = local(b);
  struct msghdr header = message(parts, 1025, &address);
  result("%s", outcome(sendmsg(a, &header, 0)));
  close(a);
  close(b);
}

CASE(sendmsg_parts_too_long_together) {
  int a = bound(), b = bound();
  static char data[40000];
  Address address = local(b);
  struct iovec parts[] = {{data, sizeof data}, {data, sizeof data}};
  struct msghdr header = message(parts, 2, &address);
  result("%s", outcome(sendmsg(a, &header, 0)));
  close(a);
  close(b);
}

CASE(sendmsg_part_at_nowhere) {
  int a = bound(), b = bound();
  Address address = local(b);
  struct iovec part = {NULL, 4};
  struct msghdr header = message(&part, 1, &address);
  result("%s", outcome(sendmsg(a, &header, 0)));
  close(a);
  close(b);
}

CASE(sendmmsg_and_recvmmsg) {
  int a = bound(), b = bound();
  Address address = local(b);
  struct iovec out[] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
  struct mmsghdr sending[3];
  for (int i = 0; i < 3; i++) sending[i].msg_hdr = message(&out[i], 1, &address);
  int sent = sendmmsg(a, sending, 3, 0);
  char data[3][8];
  struct iovec in[] = {{data[0], 8}, {data[1], 8}, {data[2], 8}};
  struct mmsghdr receiving[3];
  for (int i = 0; i < 3; i++) receiving[i].msg_hdr = message(&in[i], 1, NULL);
  int got = recvmmsg(b, receiving, 3, 0, NULL);
  result("sent %d of lengths %u %u %u, received %d of lengths %u %u %u", sent, sending[0].msg_len, sending[1].msg_len,
    sending[2].msg_len, got, receiving[0].msg_len, receiving[1].msg_len, receiving[2].msg_len);
  close(a);
  close(b);
}

// Three messages of one part each.
typedef struct {
  struct mmsghdr headers[3];
  struct iovec parts[3];
  Address addresses[3];
  char data[3][16];
} Batch;

static void prepare(Batch *batch, const char *texts[3], Address to) {
  memset(batch, 0, sizeof *batch);
  for (int i = 0; i < 3; i++) {
    if (texts) strcpy(batch->data[i], texts[i]);
    batch->parts[i] = (struct iovec){batch->data[i], texts ? strlen(texts[i]) : sizeof batch->data[i]};
    batch->addresses[i] = to;
    batch->headers[i].msg_hdr = message(&batch->parts[i], 1, &batch->addresses[i]);
  }
}

static const char *three[] = {"one", "two", "three"};

CASE(sendmmsg_of_none) {
  int a = bound();
  result("%s", outcome(sendmmsg(a, NULL, 0, 0)));
  close(a);
}

CASE(sendmmsg_tells_the_lengths) {
  int a = bound(), b = bound();
  Batch batch;
  prepare(&batch, three, local(b));
  const char *count = outcome(sendmmsg(a, batch.headers, 3, 0));
  result("%s: %u %u %u", count, batch.headers[0].msg_len, batch.headers[1].msg_len, batch.headers[2].msg_len);
  close(a);
  close(b);
}

CASE(sendmmsg_stops_where_one_is_refused) {
  int a = bound(), b = bound();
  Batch batch;
  prepare(&batch, three, local(b));
  batch.addresses[1].v4.sin_port = 0;
  const char *count = outcome(sendmmsg(a, batch.headers, 3, 0)), *first = received(b, 0);
  result("%s, %s, then %s", count, first, received(b, MSG_DONTWAIT));
  close(a);
  close(b);
}

CASE(sendmmsg_whose_first_is_refused) {
  int a = bound(), b = bound();
  Batch batch;
  prepare(&batch, three, local(b));
  batch.addresses[0].v4.sin_port = 0;
  result("%s", outcome(sendmmsg(a, batch.headers, 3, 0)));
  close(a);
  close(b);
}

CASE(recvmmsg_nothing_there) {
  int a = bound();
  Batch batch;
  prepare(&batch, NULL, (Address){.length = sizeof(struct sockaddr_in6)});
  result("%s", outcome(recvmmsg(a, batch.headers, 3, MSG_DONTWAIT, NULL)));
  close(a);
}

CASE(recvmmsg_waits_for_one) {
  int a = bound(), b = bound();
  pass(a, b, "one");
  Batch batch;
  prepare(&batch, NULL, (Address){.length = sizeof(struct sockaddr_in6)});
  const char *count = outcome(recvmmsg(b, batch.headers, 3, MSG_WAITFORONE, NULL));
  result("%s: %s", count, batch.data[0]);
  close(a);
  close(b);
}

CASE(recvmmsg_says_who_and_what_was_cut) {
  int a = bound(), b = bound();
  pass(a, b, "much more than there is room for");
  Batch batch;
  prepare(&batch, NULL, (Address){.length = sizeof(struct sockaddr_in6)});
  const char *count = outcome(recvmmsg(b, batch.headers, 1, 0, NULL));
  Address from = local(a);
  result("%s: %u, %s, %s", count, batch.headers[0].msg_len,
    batch.headers[0].msg_hdr.msg_flags & MSG_TRUNC ? "TRUNC" : "whole",
    same(&batch.addresses[0], &from) ? "from the sender" : "from another");
  close(a);
  close(b);
}

CASE(recvmmsg_time_limit) {
  int a = bound();
  Batch batch;
  prepare(&batch, NULL, (Address){.length = sizeof(struct sockaddr_in6)});
  struct timespec limit = {.tv_nsec = 20000000};
  result("%s", outcome(recvmmsg(a, batch.headers, 3, MSG_DONTWAIT, &limit)));
  close(a);
}

int main(void) {
  RUN(sendmsg_gathers);
  RUN(recvmsg_scatters);
  RUN(recvmsg_names_the_sender);
  RUN(recvmsg_sets_no_flags_for_a_whole_datagram);
  RUN(recvmsg_says_that_it_cut);
  RUN(recvmsg_trunc_tells_the_whole_length);
  RUN(recvmsg_peek_leaves_the_datagram);
  RUN(recvmsg_dontwait_nothing_there);
  RUN(sendmsg_without_parts_is_an_empty_datagram);
  RUN(sendmsg_without_destination);
  RUN(sendmsg_name_of_no_length_is_none);
  RUN(sendmsg_too_many_parts);
  RUN(sendmsg_parts_too_long_together);
  RUN(sendmsg_part_at_nowhere);
  RUN(sendmmsg_and_recvmmsg);
  RUN(sendmmsg_of_none);
  RUN(sendmmsg_tells_the_lengths);
  RUN(sendmmsg_stops_where_one_is_refused);
  RUN(sendmmsg_whose_first_is_refused);
  RUN(recvmmsg_nothing_there);
  RUN(recvmmsg_waits_for_one);
  RUN(recvmmsg_says_who_and_what_was_cut);
  RUN(recvmmsg_time_limit);
  return 0;
}
