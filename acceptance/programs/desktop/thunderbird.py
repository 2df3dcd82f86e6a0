"""
Thunderbird sets itself up, without a screen: a program in the image of this folder.

Standard input is JSON: `address`, `password`, `subject`, `authority` (PEM). Its own modules
find the settings by the address alone, log in, make the account, send a message to the address
itself and read the inbox; every certificate is verified, by a new profile that trusts the authority
and what Thunderbird trusts anyhow. Prints JSON: `settings` as they were found, `subjects` of what
the inbox has, and its `picture` (PNG, base64).
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

#: With Mozilla's remote control, which is built in.
COMMAND = (
    *("thunderbird", "--headless", "--no-remote"),
    *("--marionette", "--remote-allow-system-access"),
)
PORT = 2828
SECONDS = 30.0
POLICIES = Path("/usr/lib/thunderbird/distribution/policies.json")
PREFERENCES = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.spotlight.firstRunDone": True,
    "mail.winsearch.firstRunDone": True,
    "mailnews.auto_config.fetchFromISP.sslOnly": True,  # no way around the certificate
    "mailnews.start_page.enabled": False,
    "mail.rights.version": 1,
    "mail.shell.checkDefaultClient": False,
    "security.default_personal_cert": "Select Automatically",
}

SET_UP = r"""
const [address, password, subject, done] = arguments;
const load = name => ChromeUtils.importESModule(`resource:///modules/${name}.sys.mjs`);
(async () => {
  const { FetchConfig } = load("accountcreation/FetchConfig");
  const { AccountConfig } = load("accountcreation/AccountConfig");
  const { ConfigVerifier } = load("accountcreation/ConfigVerifier");
  const { CreateInBackend } = load("accountcreation/CreateInBackend");
  const { MessageSend } = load("MessageSend");
  const window = Services.wm.getMostRecentWindow("mail:3pane");
  const signal = new AbortController().signal;

  const config = await FetchConfig.fromISP(address.split("@")[1], address, signal);
  const shown = each => `${each.type} ${each.hostname}:${each.port}`;
  const found = [shown(config.incoming), shown(config.outgoing)];
  AccountConfig.replaceVariables(config, address, address, password);
  config.rememberPassword = true;
  const verified = await new ConfigVerifier(window.msgWindow, signal).verifyConfig(config);
  const account = await CreateInBackend.createAccountInBackend(verified);

  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(
    Ci.nsIMsgCompFields);
  fields.from = fields.to = address;
  fields.subject = subject;
  new MessageSend().createAndSendMessage(
    null, account.defaultIdentity, account.key, fields, false, false, Ci.nsIMsgSend.nsMsgDeliverNow,
    null, "text/plain", "Hello\n", window, null, null, "", "", Ci.nsIMsgCompType.New);
  return found;
})().then(done, error => done({ error: `${error} ${error.stack} ${error.cause}` }));
"""

# Subjects in a folder of a kind, which it looks for anew and shows.
READ = r"""
const [kind, done] = arguments;
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const window = Services.wm.getMostRecentWindow("mail:3pane");
const { incomingServer } = MailServices.accounts.accounts.find(
  each => each.incomingServer.type == "imap");
const folder = incomingServer.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags[kind]);
if (folder) {
  window.gTabmail.currentTabInfo.folder = folder;
  folder.updateFolder(window.msgWindow);
}
done(folder ? [...folder.messages].map(message => message.mime2DecodedSubject) : []);
"""


class Marionette:
    """A session with Thunderbird's remote control."""

    def __init__(self) -> None:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", PORT), 120)
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self._lines = self._socket.makefile("rb")
        self._id = 0
        self._receive()  # what it is
        self.ask("WebDriver:NewSession", {"capabilities": {}})
        self.ask("Marionette:SetContext", {"value": "chrome"})
        self.ask("WebDriver:SetTimeouts", {"script": SECONDS * 1000})

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._lines.read(1)
        return json.loads(self._lines.read(int(length[:-1])))

    def ask(self, command: str, parameters: dict[str, Any]) -> Any:
        """Return what a command gives."""
        self._id += 1
        text = json.dumps([0, self._id, command, parameters])
        self._socket.sendall(f"{len(text.encode())}:{text}".encode())
        _, _, error, result = self._receive()
        if error:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result

    def subjects(self, kind: str, wanted: str) -> list[str]:
        """Return the subjects in a folder as soon as one is among them, or else at last."""
        deadline = time.monotonic() + SECONDS
        while True:
            read: list[str] = self.run(READ, kind)
            if wanted in read or time.monotonic() > deadline:
                return read
            time.sleep(0.1)

    def run(self, script: str, *arguments: str) -> Any:
        """Run JavaScript, which calls its last argument with what it gives."""
        parameters = {"script": script, "args": list(arguments)}
        value = self.ask("WebDriver:ExecuteAsyncScript", parameters)["value"]
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(value["error"])
        return value


def main() -> None:
    """Do all of it."""
    asked = json.load(sys.stdin)
    authority = Path("/opt/authority.pem")
    authority.write_text(asked["authority"])
    POLICIES.parent.mkdir(exist_ok=True)
    trust = {"policies": {"Certificates": {"Install": [str(authority)]}}}
    POLICIES.write_text(json.dumps(trust))
    with tempfile.TemporaryDirectory() as profile:
        lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
        Path(profile, "user.js").write_text("\n".join(lines))
        program = subprocess.Popen(
            [*COMMAND, "--profile", profile], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            session = Marionette()
            found = session.run(SET_UP, asked["address"], asked["password"], asked["subject"])
            # What is sent it copies later than the message may arrive.
            session.subjects("SentMail", asked["subject"])
            read = session.subjects("Inbox", asked["subject"])
            picture = session.ask("WebDriver:TakeScreenshot", {"full": False})["value"]
            print(json.dumps({"settings": found, "subjects": read, "picture": picture}))
        finally:
            program.kill()
            program.wait()


main()
