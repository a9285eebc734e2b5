// Gives back at the end of the job what it has taken, and says what it had lost by then.
'use strict';

const runner = require('./runner.js');

async function post() {
  const session = runner.remembered('session');
  if (!session) return;
  const gitcoord = await runner.install();
  const taken = JSON.parse(runner.remembered('locks') || '[]');
  try {
    const { locks } = await gitcoord('lock', 'list', '--mine', '--session', session);
    const held = new Set(locks.map((lock) => `${lock.key} ${lock.epoch} ${lock.token}`));
    for (const lock of taken) {
      if (held.has(`${lock.key} ${lock.epoch} ${lock.token}`)) continue;
      runner.warn(
        `the lock on ${lock.key} ended before this job did, so that others may have been at it, ` +
          'too: see the input "ttl", and gitcoord log',
      );
    }
    if (runner.remembered('own') === 'true') {
      const { released } = await gitcoord('session', 'end', '--session', session);
      for (const key of released) runner.say(`released ${key}`);
    } else if (taken.length > 0) {
      const keys = taken.map((lock) => lock.key).filter((key) => locks.some((one) => one.key === key));
      if (keys.length > 0) await gitcoord('lock', 'release', '--session', session, '--', ...keys);
      for (const key of keys) runner.say(`released ${key}`);
    }
  } catch (error) {
    if (!(error instanceof runner.Failure)) throw error;
    runner.warn(`not given back: ${error.message}; what is still held ends by itself`);
  }
}

post().catch(runner.failed);
