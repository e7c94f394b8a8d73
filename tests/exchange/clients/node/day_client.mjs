// npm @polymarket/client 0.2.0, unmodified, spends a day at the exchange. Needs a global WebSocket: Node 22 or newer.
import assert from 'node:assert/strict';
import { createSecureClient, forkEnvironmentConfig, OrderSide, OrderType } from '@polymarket/client';
import { fetchBalanceAllowance } from '@polymarket/client/actions';
import { privateKey } from '@polymarket/client/viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { box, counterParty, day, market, soon, until } from './steps.mjs';

const { urls } = box;
const environment = forkEnvironmentConfig({
  name: 'agbot exchange',
  clob: { rest: urls.clob, market: { ws: urls.market_socket }, user: { ws: urls.user_socket } },
  gamma: { rest: urls.gamma },
  data: { rest: urls.data },
  rtds: { ws: urls.rtds },
  relayer: { rest: urls.relayer },
});
const key = generatePrivateKey();
const wallet = privateKeyToAccount(key).address;
const signIn = (more = {}) => createSecureClient({ environment, signer: privateKey(key), wallet, ...more });
const other = await counterParty();
let client;
let credentials;
let open = [];

const limit = (price, more = {}) => ({ tokenId: market.yes, price, size: 10, side: OrderSide.BUY, ...more });
const bid = (price, more = {}) => client.placeLimitOrder(limit(price, more));
const mine = async () => (await client.listOpenOrders({ market: market.condition_id }).firstPage()).items;
const usd = async () => Number((await fetchBalanceAllowance(client, { assetType: 'COLLATERAL' })).balance);

/** Return the first event of a subscription that is wanted. */
async function first(handle, wanted, what) {
  const search = async () => {
    for await (const event of handle) if (wanted(event)) return event;
    throw new Error('the stream ended');
  };
  return soon(search(), what);
}

async function refused(work) {
  const error = await work().then(
    (result) => assert.fail(`not refused: ${JSON.stringify(result)}`),
    (caught) => caught,
  );
  return `${error.status ?? error.name} ${error.message}`;
}

await day({
  keys: async () => {
    client = await signIn();
    ({ credentials } = client);
    const again = await signIn();
    assert.deepEqual(again.credentials, credentials);
    const given = await signIn({ credentials });
    assert.deepEqual(given.credentials, credentials);
    assert.equal(await client.fetchClosedOnlyMode(), false);
  },
  reads: async () => {
    await other.bid(0.41, 10);
    await other.offer(0.6, 10);
    const book = await client.fetchOrderBook({ tokenId: market.yes });
    assert.deepEqual([book.bids.at(-1).price, book.asks.at(-1).price], ['0.41', '0.6']);
    assert.equal(Number(await client.fetchMidpoint({ tokenId: market.yes })), 0.505);
    const listed = await client.fetchMarket({ slug: market.slug });
    assert.equal(listed.conditionId, market.condition_id);
    const found = await client.listMarkets({ clobTokenIds: [market.yes] }).firstPage();
    assert.deepEqual(found.items.map((row) => row.slug), [market.slug]);
    await other.leave();
    return listed.question;
  },
  'rests and is listed': async () => {
    const gtc = await bid(0.3);
    const gtd = await bid(0.31, { expiration: Math.floor(Date.now() / 1000) + 300 });
    const postOnly = await bid(0.32, { postOnly: true });
    const placed = [gtc, gtd, postOnly];
    assert.deepEqual(placed.map((posted) => [posted.ok, posted.status]), Array(3).fill([true, 'live']));
    open = placed.map((posted) => posted.orderId);
    assert.deepEqual((await mine()).map((order) => order.id).sort(), [...open].sort());
    assert.equal((await client.fetchOrder({ orderId: open[1] })).orderType, 'GTD');
    return open;
  },
  'cancels one, many, by market, all': async () => {
    assert.deepEqual((await client.cancelOrder({ orderId: open[0] })).canceled, [open[0]]);
    assert.deepEqual((await client.cancelOrders({ orderIds: open.slice(1) })).canceled.sort(), open.slice(1).sort());
    const orders = [await client.createLimitOrder(limit(0.2)), await client.createLimitOrder(limit(0.2, { tokenId: market.no }))];
    const batch = await client.postOrders(orders);
    assert.deepEqual(batch.map((posted) => posted.ok), [true, true]);
    const gone = await client.cancelMarketOrders({ market: market.condition_id, tokenId: market.yes });
    assert.deepEqual(gone.canceled, [batch[0].orderId]);
    assert.deepEqual((await client.cancelAll()).canceled, [batch[1].orderId]);
    assert.deepEqual(await mine(), []);
  },
  'trades: REST, streams, balance': async () => {
    await other.offer(0.52, 30);
    const before = await usd();
    const user = await client.subscribe([{ topic: 'user', markets: [market.condition_id] }]);
    const market_ = await client.subscribe([{ topic: 'market', tokenIds: [market.yes] }]);
    const snapshot = await first(market_, (event) => event.type === 'book', 'book');
    assert.deepEqual(snapshot.payload.asks.map((level) => [level.price, level.size]), [['0.52', '30']]);
    const fok = await client.placeMarketOrder({ tokenId: market.yes, side: OrderSide.BUY, amount: 5.2, maxPrice: 0.52, orderType: OrderType.FOK });
    assert.deepEqual([fok.ok, fok.status, Number(fok.takingAmount)], [true, 'matched', 10]);
    const told = await first(user, (event) => event.type === 'trade', 'trade of mine');
    assert.equal(told.payload.takerOrderId, fok.orderId);
    const hashes = await client.waitForOrderFillSettlement(fok);
    assert.equal(hashes.length, 1);
    const trades = (await client.listAccountTrades({ market: market.condition_id }).firstPage()).items;
    assert.deepEqual(trades.map((trade) => [trade.traderSide, trade.transactionHash]), [['TAKER', hashes[0]]]);
    const spent = before - (await usd());
    assert.ok(spent >= 5_200_000 && spent <= 5_500_000, `spent ${spent}`);
    const positions = (await client.listPositions({ user: wallet }).firstPage()).items;
    assert.equal(positions.length, 1);
    const fak = await client.placeMarketOrder({ tokenId: market.yes, side: OrderSide.BUY, amount: 52 });
    assert.deepEqual([fak.ok, Number(fak.takingAmount)], [true, 20]);
    await user.close();
    await market_.close();
    return spent;
  },
  'market socket: snapshot, then price_change': async () => {
    const handle = await client.subscribe([{ topic: 'market', tokenIds: [market.yes] }]);
    await first(handle, (event) => event.type === 'book', 'book');
    const again = await client.subscribe([{ topic: 'market', tokenIds: [market.yes] }, { topic: 'user' }]);
    const waiting = first(again, (event) => event.type === 'price_change', 'price_change');
    await bid(0.33);
    const [change] = (await waiting).payload.priceChanges;
    assert.deepEqual([change.price, change.size], ['0.33', '10']);
    await client.cancelAll();
  },
  'reference prices of RTDS': async () => {
    const handle = await client.subscribe([{ topic: 'prices.crypto.chainlink', symbols: ['btc/usd'] }]);
    const event = await first(handle, () => true, 'price');
    assert.ok(Number(event.payload.value) > 0);
    return event.payload;
  },
  'its default is a deposit wallet': async () => {
    const deposit = await createSecureClient({ environment, signer: privateKey(generatePrivateKey()) });
    const posted = await deposit.placeLimitOrder(limit(0.3));
    assert.deepEqual([posted.ok, posted.status], [true, 'live']);
    assert.deepEqual((await deposit.cancelAll()).canceled, [posted.orderId]);
    return deposit.account;
  },
  'wrong signature': async () => {
    const order = await client.createLimitOrder(limit(0.3));
    return refused(() => client.postOrder({ ...order, makerAmount: String(Number(order.makerAmount) + 10_000) }));
  },
  'wrong HMAC: the client derives its key again': async () => {
    const wrong = { ...credentials, secret: 'c3R1Yi1zZWNyZXQtc3R1Yi1zZWNyZXQtc3R1Yi1zZWM=' };
    const healed = await signIn({ credentials: wrong });
    assert.deepEqual(healed.credentials, credentials);
  },
  'off the tick, too small, batch too large, beyond the balance': async () => {
    assert.match(await refused(() => bid(0.305)), /UserInput/);
    assert.match(await refused(() => bid(0.3, { size: 4 })), /^400 .*Size \(4\) lower than the minimum: 5/);
    const order = await client.createLimitOrder(limit(0.3));
    assert.match(await refused(() => client.postOrders(Array(16).fill(order))), /UserInput/);
    assert.match(await refused(() => bid(0.5, { size: 1_000_000 })), /^400 .*not enough balance/);
  },
  'fills or is killed, would cross': async () => {
    await other.offer(0.52, 10);
    const fok = { tokenId: market.yes, side: OrderSide.BUY, amount: 52, maxPrice: 0.52, orderType: OrderType.FOK };
    assert.match(await refused(() => client.placeMarketOrder(fok)), /fully filled/);
    assert.match(await refused(() => bid(0.53, { postOnly: true })), /^400 invalid post-only order: order crosses book/);
    await other.leave();
    await until(async () => (await mine()).length === 0);
  },
});
