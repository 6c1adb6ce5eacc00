// Shows a specification with swagger-ui, and sends what is tried through the portal's own sender.
"use strict";
(() => {
  const root = document.getElementById("explore");
  const { spec, send, token, gateway } = root.dataset;
  const WITHOUT_BODY = [204, 205, 304];

  async function userFetch(url, request) {
    if (request.body && typeof request.body !== "string") {
      throw new TypeError("Files and multipart bodies are not sent from here.");
    }
    const fields = Object.entries(request.headers || {});
    const form = new URLSearchParams({
      _csrf: token,
      url,
      method: request.method || "GET",
      fields: fields.map(([name, value]) => `${name}: ${value}`).join("\n"),
      body: request.body || "",
    });
    const reply = await fetch(send, { method: "POST", body: form, redirect: "error" });
    if (!(reply.headers.get("content-type") || "").startsWith("application/json")) {
      throw new TypeError(`The portal did not send it (${reply.status}). Reload the page, or wait a little.`);
    }
    const told = await reply.json();
    if (told.error) {
      throw new TypeError(told.error);
    }
    const body = WITHOUT_BODY.includes(told.status) ? null : told.text;
    // Browsers make no Response of other numbers, and of no field that is not Latin-1.
    const status = told.status >= 200 && told.status < 600 ? told.status : 599;
    const headers = new Headers();
    for (const [name, value] of told.fields) {
      headers.append(name, value.replace(/[^\x20-\xff]/g, "?"));
    }
    return new Response(body, { status, statusText: told.phrase, headers });
  }

  // Only what somebody has pressed a button for is sent: a specification may name addresses, too.
  let pressed = 0;
  const Presses = () => ({
    statePlugins: {
      spec: {
        wrapActions: {
          executeRequest: (original) => (request) => {
            pressed += 1;
            return original(request);
          },
        },
      },
    },
  });

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", paint);
  paint();
  window.SwaggerUIBundle({
    url: spec,
    domNode: root,
    validatorUrl: null,
    docExpansion: "list",
    persistAuthorization: false,
    plugins: [Presses],
    supportedSubmitMethods: ["get", "head", "post", "put", "patch", "delete", "options"],
    requestInterceptor(request) {
      if (request.loadSpec && new URL(request.url, window.location).href === new URL(spec, window.location).href) {
        return request;
      }
      if (request.loadSpec || !request.method || pressed < 1) {
        throw new TypeError("A specification's own references are not followed from here.");
      }
      pressed -= 1;
      const here = `${window.location.origin}/`;
      if (request.url.startsWith(here)) {
        request.url = `${gateway}/${request.url.slice(here.length)}`;
      }
      request.userFetch = userFetch;
      return request;
    },
  });
})();
