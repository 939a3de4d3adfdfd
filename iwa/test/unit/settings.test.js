import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULTS, loadSettings, parseSettings, saveSettings } from '../../app/settings.js';

test('settings survive, and what can’t be used is a default', () => {
  /** @type {Map<string, string>} */
  const kept = new Map();
  const storage = {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value),
  };
  assert.deepEqual(loadSettings(() => storage), DEFAULTS);
  saveSettings(() => storage, { ...DEFAULTS, reach: 'other', address: '::1', port: '5000' });
  assert.deepEqual(loadSettings(() => storage), { ...DEFAULTS, reach: 'other', address: '::1', port: '5000' });
  for (const stored of ['', '{', 'null', '[1]', '{"reach":"moon","port":7,"address":{}}']) {
    assert.deepEqual(parseSettings(stored), DEFAULTS, stored);
  }
});

test('a storage that is refused is no error', () => {
  const refuse = () => {
    throw new DOMException('refused', 'SecurityError');
  };
  assert.deepEqual(loadSettings(refuse), DEFAULTS);
  saveSettings(refuse, DEFAULTS);
});
