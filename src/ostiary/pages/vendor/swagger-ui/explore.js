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
    return new Response(body, { status: told.status, statusText: told.phrase, headers: told.fields });
  }

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
    supportedSubmitMethods: ["get", "head", "post", "put", "patch", "delete", "options"],
    requestInterceptor(request) {
      if (request.loadSpec) {
        return request;
      }
      const here = `${window.location.origin}/`;
      if (request.url.startsWith(here)) {
        request.url = `${gateway}/${request.url.slice(here.length)}`;
      }
      request.userFetch = userFetch;
      return request;
    },
  });
})();
