// What the runner and gitcoord are to this action: inputs, state, outputs, and one command.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

// What went wrong outside of this action, in words for people.
class Failure extends Error {}

const FORK =
  'This token may not write to the repository: pull requests from forks get one that only reads, ' +
  'and other jobs need "permissions: contents: write".';
const HINTS = {
  access_denied: FORK,
  host_refused: FORK,
  not_initialised: 'Run `gitcoord init --remote origin` once, in a clone that may push.',
};

function input(name) {
  return (process.env[`INPUT_${name.replace(/ /g, '_').toUpperCase()}`] || '').trim();
}

function remember(name, value) {
  append('GITHUB_STATE', name, value);
}

function remembered(name) {
  return process.env[`STATE_${name}`] || '';
}

function output(name, value) {
  append('GITHUB_OUTPUT', name, value);
}

function variable(name, value) {
  append('GITHUB_ENV', name, value);
}

// No value can hold an end that nobody can guess.
function append(file, name, value) {
  const end = randomBytes(16).toString('hex');
  fs.appendFileSync(process.env[file], `${name}<<${end}\n${value}\n${end}\n`, 'utf8');
}

// One line in which the runner finds no command, whatever others have written into it.
function harmless(text) {
  const line = String(text).split(/\s+/).join(' ').replaceAll('##[', '## [');
  return line.startsWith('::') ? `'${line}` : line;
}

function say(text) {
  process.stdout.write(`${harmless(text)}\n`);
}

function annotate(level, text) {
  const data = String(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  process.stdout.write(`::${level} title=gitcoord::${data}\n`);
}

function warn(text) {
  annotate('warning', text);
}

function failed(error) {
  annotate('error', error instanceof Failure ? error.message : error.stack);
  process.exitCode = 1;
}

// Returns what runs gitcoord in the checkout and resolves to its document.
async function install() {
  const done = spawnSync('bash', [path.join(__dirname, '..', 'install')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (done.error) throw new Failure(`bash cannot be started: ${done.error.message}`);
  if (done.status !== 0) throw new Failure('gitcoord cannot be installed; the lines above say why');
  const program = path.join(done.stdout.trim().split('\n').pop(), 'gitcoord');
  const place = path.resolve(input('working-directory') || '.');
  const environ = letIn(place);
  return (...words) => run(program, [...words.slice(0, 2), '--json', ...words.slice(2)], place, environ);
}

// The environment in which git is let in by the token, where nothing in its configuration does.
function letIn(place) {
  const environ = { ...process.env };
  const server = `${environ.GITHUB_SERVER_URL.replace(/\/+$/, '')}/`;
  const asked = ['config', '--get-urlmatch', 'http.extraHeader', server];
  const known = spawnSync('git', asked, { cwd: place, encoding: 'utf8' });
  const token = input('token');
  if (!token || (known.stdout || '').trim()) return environ;
  const count = Number(environ.GIT_CONFIG_COUNT || 0);
  const basic = Buffer.from(`x-access-token:${token}`).toString('base64');
  return {
    ...environ,
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: `http.${server}.extraHeader`,
    [`GIT_CONFIG_VALUE_${count}`]: `Authorization: Basic ${basic}`,
  };
}

function run(program, words, place, environ) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      cwd: place,
      env: environ,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (told += text));
    // Who waits gives the place in the queue back when the run is cancelled.
    const stop = (signal) => child.kill(signal);
    const signals = os.platform() === 'win32' ? ['SIGINT'] : ['SIGINT', 'SIGTERM'];
    for (const signal of signals) process.on(signal, stop);
    child.on('error', (error) => reject(new Failure(`${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      for (const each of signals) process.off(each, stop);
      try {
        resolve(answered(JSON.parse(told)));
      } catch (error) {
        const ended = signal ? `was stopped by ${signal}` : `ended with ${code}`;
        const unread = new Failure(`gitcoord ${words.slice(0, 2).join(' ')} ${ended}`);
        reject(error instanceof Failure ? error : unread);
      }
    });
  });
}

function answered(document) {
  if (document.ok) return document;
  const { code, message, hint, conflicts = [] } = document.error;
  const held = conflicts.map((one) => {
    const until = one.expires_at ? ` until ${one.expires_at}` : '';
    const why = one.reason ? `: ${one.reason}` : '';
    return `${one.key || (one.keys || []).join(', ')} is held by ${one.agent} (${one.session})${until}${why}`;
  });
  const next = HINTS[code] || hint;
  throw new Failure([`${code}: ${message}`, ...held, ...(next ? [next] : [])].join('\n'));
}

module.exports = {
  Failure, failed, input, install, output, remember, remembered, say, variable, warn,
};
