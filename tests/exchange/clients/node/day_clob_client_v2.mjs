// npm @polymarket/clob-client-v2 1.1.0, unmodified, spends a day at the exchange.
import assert from 'node:assert/strict';
import { AssetType, Chain, ClobClient, OrderType, Side } from '@polymarket/clob-client-v2';
import { generatePrivateKey } from 'viem/accounts';
import { box, counterParty, day, heartbeatTimeout, listening, market, until, walletClient } from './steps.mjs';

const signer = walletClient(generatePrivateKey());
const options = { host: box.urls.clob, chain: Chain.POLYGON, signer };
const other = await counterParty();
let client = new ClobClient({ ...options, throwOnError: true });
let user;
let open = [];

const bid = (price, more = {}, ...how) =>
  client.createAndPostOrder({ tokenID: market.yes, price, size: 10, side: Side.BUY, ...more }, undefined, ...how);
const signed = (price, more = {}) =>
  client.createOrder({ tokenID: market.yes, price, size: 10, side: Side.BUY, ...more });
const mine = async () => (await client.getOpenOrders({ market: market.condition_id })).map((order) => order.id);
const usd = async () => Number((await client.getBalanceAllowance({ asset_type: AssetType.COLLATERAL })).balance);

/** Return what a refusal says, with its status. */
async function refused(work) {
  const error = await work().then(
    (result) => assert.fail(`not refused: ${JSON.stringify(result)}`),
    (caught) => caught,
  );
  assert.ok(error.status, String(error));
  return `${error.status} ${error.message}`;
}

await day({
  keys: async () => {
    const creds = await client.createApiKey();
    assert.match(await refused(() => client.createApiKey()), /^400/);
    assert.deepEqual(await client.deriveApiKey(), creds);
    assert.deepEqual(await new ClobClient(options).createOrDeriveApiKey(), creds);
    client = new ClobClient({ ...options, creds, throwOnError: true });
    assert.deepEqual((await client.getApiKeys()).apiKeys, [creds.key]);
    assert.equal((await client.getClosedOnlyMode()).closed_only, false);
  },
  reads: async () => {
    await other.bid(0.41, 10);
    await other.offer(0.6, 10);
    assert.equal(await client.getOk(), 'OK');
    assert.equal(await client.getVersion(), 2);
    const book = await client.getOrderBook(market.yes);
    assert.deepEqual([book.bids.at(-1), book.asks.at(-1)], [
      { price: '0.41', size: '10' },
      { price: '0.6', size: '10' },
    ]);
    assert.match(book.hash, /^[0-9a-f]{40}$/);
    assert.equal(Number((await client.getMidpoint(market.yes)).mid), 0.505);
    assert.equal(await client.getTickSize(market.yes), market.tick);
    assert.equal((await client.getClobMarketInfo(market.condition_id)).t[0].t, market.yes);
    await other.leave();
    return book.timestamp;
  },
  'rests and is listed': async () => {
    const gtc = await bid(0.3, {}, OrderType.GTC);
    const gtd = await bid(0.31, { expiration: Math.floor(Date.now() / 1000) + 300 }, OrderType.GTD);
    const postOnly = await bid(0.32, {}, OrderType.GTC, true);
    open = [gtc, gtd, postOnly].map((posted) => posted.orderID);
    assert.deepEqual([gtc.status, gtd.status, postOnly.status], ['live', 'live', 'live']);
    assert.deepEqual((await mine()).sort(), [...open].sort());
    assert.equal((await client.getOrder(open[1])).order_type, 'GTD');
    return open;
  },
  'cancels one, many, by market, all': async () => {
    assert.deepEqual((await client.cancelOrder({ orderID: open[0] })).canceled, [open[0]]);
    assert.deepEqual((await client.cancelOrders(open.slice(1))).canceled.sort(), open.slice(1).sort());
    const orders = [await signed(0.2), await signed(0.2, { tokenID: market.no })];
    const batch = await client.postOrders(orders.map((order) => ({ order, orderType: OrderType.GTC })));
    assert.deepEqual(batch.map((posted) => posted.status), ['live', 'live']);
    const gone = await client.cancelMarketOrders({ market: market.condition_id, asset_id: market.yes });
    assert.deepEqual(gone.canceled, [batch[0].orderID]);
    assert.deepEqual((await client.cancelAll()).canceled, [batch[1].orderID]);
    assert.deepEqual(await mine(), []);
  },
  'trades: REST, user socket, balance': async () => {
    await other.offer(0.52, 30);
    const before = await usd();
    const { key: apiKey, secret, passphrase } = client.creds;
    user = await listening(box.urls.user_socket, { type: 'user', auth: { apiKey, secret, passphrase } });
    const order = { tokenID: market.yes, price: 0.52, side: Side.BUY };
    const fok = await client.createAndPostMarketOrder({ ...order, amount: 5.2 }, undefined, OrderType.FOK);
    assert.deepEqual([fok.status, fok.makingAmount, fok.takingAmount], ['matched', '5.2', '10']);
    assert.equal(fok.transactionsHashes.length, 1);
    const told = await user.hear((event) => event.event_type === 'trade' && event.taker_order_id === fok.orderID);
    assert.deepEqual([told.size, told.price], ['10', '0.52']);
    await user.hear((event) => event.event_type === 'trade' && event.status === 'CONFIRMED');
    const [trade] = await client.getTrades({ id: fok.tradeIDs[0] });
    assert.deepEqual([trade.trader_side, trade.transaction_hash], ['TAKER', fok.transactionsHashes[0]]);
    const spent = await until(async () => before - (await usd()));
    assert.ok(spent >= 5_200_000 && spent <= 5_500_000, `spent ${spent}`);
    const fak = await client.createAndPostMarketOrder({ ...order, amount: 52 }, undefined, OrderType.FAK);
    assert.deepEqual([fak.status, fak.takingAmount], ['matched', '20']);
    return spent;
  },
  'is told as a maker': async () => {
    const posted = await bid(0.45, {}, OrderType.GTC);
    await user.hear((event) => event.type === 'PLACEMENT' && event.id === posted.orderID);
    await other.offer(0.45, 5);
    await user.hear((event) => event.maker_orders?.some((leg) => leg.order_id === posted.orderID));
    assert.equal((await client.getOrder(posted.orderID)).size_matched, '5');
    await client.cancelAll();
    await user.hear((event) => event.type === 'CANCELLATION' && event.id === posted.orderID);
    user.close();
  },
  'market socket': async () => {
    const socket = await listening(box.urls.market_socket, { type: 'market', assets_ids: [market.yes] });
    await socket.hear((event) => event.event_type === 'book');
    await bid(0.33);
    const change = await socket.hear((event) => event.event_type === 'price_change');
    assert.deepEqual([change.price_changes[0].price, change.price_changes[0].size], ['0.33', '10']);
    socket.close();
    await client.cancelAll();
  },
  'heartbeats run out': async () => {
    await bid(0.3);
    const first = await client.postHeartbeat('');
    const second = await client.postHeartbeat(first.heartbeat_id);
    assert.ok(second.heartbeat_id);
    assert.match(await refused(() => client.postHeartbeat('stale')), /^400/);
    await until(async () => (await mine()).length === 0, 3 * heartbeatTimeout + 2000);
  },
  'wrong signature': async () => {
    const order = await signed(0.3);
    return refused(() => client.postOrder({ ...order, makerAmount: String(Number(order.makerAmount) + 10_000) }));
  },
  'wrong HMAC': async () => {
    const creds = { ...client.creds, secret: 'c3R1Yi1zZWNyZXQtc3R1Yi1zZWNyZXQtc3R1Yi1zZWM=' };
    const seen = await refused(() => new ClobClient({ ...options, creds, throwOnError: true }).getOpenOrders());
    assert.match(seen, /^401 .*Unauthorized\/Invalid api key/);
  },
  'off the tick': async () => {
    const order = { tokenID: market.yes, price: 0.305, size: 10, side: Side.BUY };
    const built = await client.orderBuilder.buildOrder(order, { tickSize: '0.001', negRisk: false }, 2);
    assert.match(await refused(() => client.postOrder(built)), /^400 .*breaks minimum tick size rule: 0.01/);
  },
  'too small': async () => {
    assert.match(await refused(() => bid(0.3, { size: 4 })), /^400 .*Size \(4\) lower than the minimum: 5/);
  },
  'batch too large': async () => {
    const order = await signed(0.3);
    const batch = Array.from({ length: 16 }, () => ({ order, orderType: OrderType.GTC }));
    const seen = await refused(() => client.postOrders(batch));
    assert.match(seen, /^400 Too many orders in payload: 16, max allowed: 15/);
  },
  'beyond the balance': async () => {
    assert.match(await refused(() => bid(0.5, { size: 1_000_000 })), /^400 .*not enough balance/);
  },
});
