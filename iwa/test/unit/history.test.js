import assert from 'node:assert/strict';
import test from 'node:test';
import { CAPACITY, History } from '../../app/history.js';

/** @param {Partial<import('../../app/server-view.js').Stats>} counters @returns {any} */
const stats = (counters) => ({
  connections: 0, requests_total: 0, bytes_sent: 0, bytes_received: 0, datagrams_sent: 0, datagrams_received: 0,
  datagrams_dropped: 0, ...counters,
});
/** @param {(number | null)[]} times @returns {any} */
const overview = (...times) => ({ total: times.length, busiest: times.map((rtt_ms) => ({ rtt_ms })) });

test('rates come out of two readings, round-trip times out of the connections', () => {
  const history = new History();
  history.add(stats({ bytes_sent: 1000 }), null, 0);
  assert.equal(history.readings[0].bytesSent, null, 'the first reading has none before it');
  assert.equal(history.readings[0].rtt, null);
  history.add(stats({ bytes_sent: 5000, datagrams_dropped: 3, connections: 4 }), overview(9, 1, null, 2, 5), 2000);
  const { bytesSent, drops, connections, rtt, rttMax } = history.readings[1];
  assert.deepEqual({ bytesSent, drops, connections, rtt, rttMax }, { bytesSent: 2000, drops: 1.5, connections: 4, rtt: 2, rttMax: 9 });
  assert.deepEqual(history.summary('bytesSent'), { now: 2000, highest: 2000 });
  history.add(stats({ bytes_sent: 5000 }), overview(), 3000);
  assert.deepEqual(history.summary('bytesSent'), { now: 0, highest: 2000 });
  assert.deepEqual(history.summary('rtt'), { now: null, highest: 2 });
});

test('readings are bounded, and a new run begins with none', () => {
  const history = new History();
  for (let second = 0; second < 2 * CAPACITY; second += 1) history.add(stats({}), null, second * 1000);
  assert.equal(history.readings.length, CAPACITY);
  history.clear();
  history.add(stats({ bytes_sent: 9 }), null, 0);
  assert.equal(history.readings.length, 1);
  assert.equal(history.readings[0].bytesSent, null);
});
