// npm @polymarket/real-time-data-client 1.4.0, unmodified: subscribes, hears prices, and is not dropped.
import assert from 'node:assert/strict';
import { RealTimeDataClient } from '@polymarket/real-time-data-client';
import { box, day, until } from './steps.mjs';

const heard = [];
const states = [];
let client;

const subscription = {
  subscriptions: [{ topic: 'crypto_prices_chainlink', type: 'update', filters: '{"symbol":"btc/usd"}' }],
};

await day({
  'connects and subscribes': async () => {
    client = new RealTimeDataClient({
      host: box.urls.rtds,
      onConnect: (connected) => connected.subscribe(subscription),
      onMessage: (_, message) => heard.push(message),
      onStatusChange: (state) => states.push(state),
    });
    client.connect();
    await until(() => states.includes('CONNECTED'));
  },
  'hears the history, then prices of its topic and filter only': async () => {
    const updates = () => heard.filter((message) => message.type === 'update');
    await until(() => updates().length >= 2);
    assert.deepEqual([heard[0].type, heard[0].payload.symbol], ['subscribe', 'btc/usd']);
    assert.ok(heard[0].payload.data.length > 10);
    assert.deepEqual([...new Set(updates().map((message) => message.topic))], ['crypto_prices_chainlink']);
    assert.deepEqual([...new Set(updates().map((message) => message.payload.symbol))], ['btc/usd']);
    assert.ok(updates()[0].payload.value > 0);
    return updates()[0];
  },
  'unsubscribes': async () => {
    client.unsubscribe(subscription);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = heard.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(heard.length, before);
    assert.deepEqual(states, ['CONNECTING', 'CONNECTED']);
  },
});
