// Takes the locks, and waits for them if need be. What is begun is written down first, so that
// the end of the job gives it back however far this came.
'use strict';

const { randomBytes } = require('node:crypto');
const runner = require('./runner.js');

async function main() {
  const keys = runner.input('keys').split('\n').map((key) => key.trim()).filter(Boolean);
  if (keys.length === 0) throw new runner.Failure('the input "keys" names nothing to lock');
  const run = process.env;
  const page = `${run.GITHUB_SERVER_URL}/${run.GITHUB_REPOSITORY}/actions/runs/${run.GITHUB_RUN_ID}`;
  const reason = runner.input('reason') || `workflow run ${page}`;
  const gitcoord = await runner.install();

  let session = run.GITCOORD_SESSION;
  if (!session) {
    session = `ci-${run.GITHUB_RUN_ID}-${run.GITHUB_RUN_ATTEMPT}-${randomBytes(4).toString('hex')}`;
    runner.remember('own', 'true');
    runner.remember('session', session);
    const name = runner.input('name') || 'ci';
    await gitcoord(
      'session', 'start', '--session', session, '--name', name, '--type', 'ci', '--life', 'lease',
      '--task', reason,
    );
    // Later steps act as the same session, and a second lock of this job is no rival.
    runner.variable('GITCOORD_SESSION', session);
  } else {
    runner.remember('session', session);
  }
  runner.output('session', session);

  const shared = runner.input('shared') === 'true' ? ['--shared'] : [];
  const answer = await gitcoord(
    'lock', 'acquire', '--session', session, '--ttl', runner.input('ttl'),
    '--wait', runner.input('wait'), '--reason', reason, ...shared, '--', ...keys,
  );
  runner.remember('locks', JSON.stringify(answer.locks));
  runner.output('locks', JSON.stringify(answer.locks));
  for (const lock of answer.locks) {
    runner.say(`locked ${lock.key} until ${lock.expires_at} (token ${lock.epoch}/${lock.token})`);
  }
}

main().catch(runner.failed);
