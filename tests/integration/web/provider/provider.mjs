// A real OpenID Connect provider for the tests, on a free port of loopback: any password signs in whoever is named.
// PKCE is asked for. Argument: the callback of the one client. Prints the issuer once it listens.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [callback] = process.argv.slice(2);
const server = createServer((request, answer) => handle(request, answer));
let handle = (_, answer) => answer.end();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "broker", client_secret: "a secret of the tests", redirect_uris: [callback] }],
    pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["preferred_username"] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, email: `${id}@example.org`, email_verified: !id.startsWith("un") }),
    }),
    cookies: { keys: ["of the tests"] },
  });
  handle = provider.callback();
  console.log(issuer);
});
