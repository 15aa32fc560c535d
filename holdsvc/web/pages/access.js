// Who may look. A service with an API token asks for it once; it is kept for this tab's session only.

const KEY = "holdsvc.token";

export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Like fetch, with the token. */
export function request(path, options = {}) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  return fetch(path, { cache: "no-store", ...options, headers: { ...headers, ...options.headers } });
}

/** Without a token configured this page is not even served elsewhere; so a refusal means that the token is missing. */
export function isRefusal(reply) {
  return reply.status === 401 || reply.status === 403;
}

/** Shows the form and resolves when a token was given; the next request finds out whether it is the right one. */
export function askForToken(form) {
  const field = form.elements.namedItem("token");
  const again = token() !== "";
  sessionStorage.removeItem(KEY);
  form.querySelector("[data-wrong]").hidden = !again;
  form.hidden = false;
  field.focus();
  return new Promise((given) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      if (!field.value.trim()) return;
      sessionStorage.setItem(KEY, field.value.trim());
      field.value = "";
      form.hidden = true;
      form.onsubmit = null;
      given();
    };
  });
}
