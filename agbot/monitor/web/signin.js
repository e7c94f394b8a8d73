// Shows the token once and gets a cookie for it; the token is neither kept here nor put into an address.
const $ = (id) => document.getElementById(id);

async function signIn(token) {
  $("said").textContent = "";
  try {
    const reply = await fetch("/session", { headers: { Authorization: `Bearer ${token}` } });
    if (reply.ok) return location.replace("/");
    $("said").textContent = reply.status === 401 ? "That is not the token." : `The monitor answered ${reply.status}.`;
  } catch {
    $("said").textContent = "The monitor does not answer, or no token looks like that.";
  }
  $("token").select();
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("token").value.trim());
});
$("token").focus();

// A link that ends in /#token=…, also when it is pasted over this page: what is behind the # never leaves the browser.
function followLink() {
  if (!location.hash.startsWith("#token=")) return;
  const token = decodeURIComponent(location.hash.slice(7));
  history.replaceState(null, "", "/");
  signIn(token);
}
addEventListener("hashchange", followLink);
followLink();
