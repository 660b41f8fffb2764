// Makes waiting quieter and saves a click where a form only passes something on. Nothing depends on it.
"use strict";
(() => {
  const relay = document.querySelector("form[data-submit]");
  if (relay) {
    HTMLFormElement.prototype.submit.call(relay); // a field may be called submit
    return;
  }

  // A second click would send the same code again.
  for (const form of document.forms) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "yes";
      setTimeout(() => delete form.dataset.sent, 8000); // the first may have been stopped
    });
  }
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      for (const form of document.forms) delete form.dataset.sent;
    }
  });

  // What ends by itself is announced before it does (WCAG 2.2, 2.2.1). A clock that slept is read anew when it wakes.
  const limit = document.getElementById("limit");
  if (limit) {
    const ends = Date.now() + Number(limit.dataset.left) * 1000;
    const notice = limit.querySelector("[role=alert]");
    const tell = (text) => {
      if (notice.textContent !== text) notice.textContent = text;
    };
    let timer;
    const look = () => {
      clearTimeout(timer);
      const left = ends - Date.now();
      const warn = Number(limit.dataset.warn) * 1000;
      if (left <= 0) {
        tell(limit.dataset.over);
        return;
      }
      if (left <= warn) tell(limit.dataset.soon);
      timer = setTimeout(look, left > warn ? left - warn : left);
    };
    look();
    document.addEventListener("visibilitychange", look);
  }

  const waiting = document.getElementById("waiting");
  if (!waiting) return;
  const status = document.getElementById("status");
  const words = status.parentElement.dataset;
  const waitingWords = status.textContent;
  const say = (text) => {
    if (status.textContent !== text) status.textContent = text; // what does not change is not read aloud again
  };
  const page = waiting.dataset.page;
  const again = () => setTimeout(ask, Number(waiting.dataset.poll));
  const ask = async () => {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    let answer;
    try {
      answer = await fetch(page + "/state", { cache: "no-store", redirect: "error" });
    } catch {
      say(words.trouble);
      again();
      return;
    }
    if (answer.status >= 500) {
      say(words.trouble);
      again();
      return;
    }
    const state = answer.ok ? (await answer.json()).state : "";
    if (state === waiting.dataset.state) {
      say(waitingWords);
      again();
      return;
    }
    say(words.done);
    location.replace(page);
  };
  again();
})();
