import assert from 'node:assert/strict';
import test from 'node:test';
import { addressProblem, listenArgument, parseListen, portProblem } from '../../app/listen.js';

test('addresses of both families can be listened on', () => {
  for (const address of ['127.0.0.1', '0.0.0.0', '192.168.1.20', '::', '::1', 'fe80::1', '::ffff:10.0.0.1']) {
    assert.equal(addressProblem(address), '', address);
  }
});

test('what is no address is refused with an example of one', () => {
  for (const address of ['', 'localhost', '127.0.0', '127.0.0.1.', '256.0.0.1', '1.2.3.4.5', '[::1]', '::g', '1:2']) {
    assert.match(addressProblem(address), /127\.0\.0\.1/, address);
  }
});

test('ports from 1024 to 65535, and any free one', () => {
  for (const port of ['', '0', '1024', '4433', '65535']) assert.equal(portProblem(port), '', port);
});

test('a port below 1024 is refused with the name of the rule', () => {
  for (const port of ['1', '443', '1023']) assert.match(portProblem(port), /Chrome refuses UDP ports below 1024/, port);
});

test('what is no port is refused', () => {
  for (const port of ['65536', '-1', '4433.0', '1e4', 'https', ' 1']) {
    assert.match(portProblem(port), /number from 1024/, port);
  }
});

test('a --listen value is read and made', () => {
  for (const [listen, address, port] of [
    ['127.0.0.1:4433', '127.0.0.1', '4433'],
    ['[::1]:0', '::1', '0'],
    ['0.0.0.0:65535', '0.0.0.0', '65535'],
  ]) {
    assert.deepEqual(parseListen(listen), { address, port });
    assert.equal(listenArgument(address, port), listen);
  }
  assert.equal(listenArgument('127.0.0.1', ''), '127.0.0.1:0');
  // Not told apart, so that the form refuses it.
  assert.deepEqual(parseListen('::1:80'), { address: '::1:80', port: '' });
});
