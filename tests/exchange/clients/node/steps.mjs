// What every day needs: steps that are told as JSON lines, patience, ears, and a counter-party.
// The exchange's ready line comes in the environment as AGBOT_BOX.
import assert from 'node:assert/strict';
import { Chain, ClobClient, OrderType, Side } from '@polymarket/clob-client-v2';
import { createWalletClient, http } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { polygon } from 'viem/chains';
import WebSocket from 'ws';

export const box = JSON.parse(process.env.AGBOT_BOX);
export const market = box.markets[Number(process.env.AGBOT_MARKET ?? 0)];
export const heartbeatTimeout = Number(process.env.AGBOT_HEARTBEAT_S ?? 10) * 1000;
const PATIENCE = 10_000;
const PAUSE = 50;

const tell = (row) => process.stdout.write(`${JSON.stringify(row)}\n`);

/** Run one step; the first that fails ends the day with exit 1. */
export async function step(name, work) {
  try {
    tell({ step: name, ok: true, seen: (await work()) ?? null });
  } catch (error) {
    tell({ step: name, ok: false, seen: String(error?.stack ?? error).slice(0, 2000) });
    process.exit(1);
  }
}

/** Run steps in order, then end: sockets of the clients would keep the process alive. */
export async function day(steps) {
  for (const [name, work] of Object.entries(steps)) await step(name, work);
  process.exit(0);
}

export async function until(found, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  for (;;) {
    const result = await found();
    if (result) return result;
    assert(Date.now() < deadline, `not so after ${patience} ms`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Fail when `promise` takes too long. */
export function soon(promise, what, patience = PATIENCE) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`no ${what} in ${patience} ms`)), patience).unref();
  });
  return Promise.race([promise, late]);
}

/** Open a socket of the venue with its first frame; `hear` resolves with the first event that is wanted. */
export async function listening(url, first) {
  const heard = [];
  const socket = new WebSocket(url);
  socket.on('message', (data) => {
    const told = JSON.parse(String(data));
    heard.push(...(Array.isArray(told) ? told : [told]));
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  socket.send(JSON.stringify(first));
  return { hear: (wanted) => until(() => heard.find(wanted)), close: () => socket.close() };
}

export const walletClient = (key) =>
  createWalletClient({ account: privateKeyToAccount(key), chain: polygon, transport: http() });

/** A trader with a key of its own, who makes or takes what the client under test wants to trade. */
export async function counterParty() {
  const options = { host: box.urls.clob, chain: Chain.POLYGON, signer: walletClient(generatePrivateKey()) };
  const creds = await new ClobClient(options).createOrDeriveApiKey();
  const client = new ClobClient({ ...options, creds, throwOnError: true });
  const buy = (tokenID, price, size) =>
    client.createAndPostOrder({ tokenID, price, size, side: Side.BUY }, undefined, OrderType.GTC);
  return {
    offer: (price, size) => buy(market.no, Number((1 - price).toFixed(4)), size),
    bid: (price, size) => buy(market.yes, price, size),
    leave: () => client.cancelAll(),
  };
}
