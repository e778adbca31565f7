/* A peer that speaks OTR through Debian's libotr, driven over standard input.
 *
 * Usage: peer KEYFILE ACCOUNT PROTOCOL VERSIONS     (VERSIONS: 2, 3 or 23)
 *
 * Commands, one a line, byte strings in hexadecimal:
 *   recv MESSAGE | send TEXT | query | end | smp SECRET [QUESTION] | answer SECRET | extra | quit
 * Answers, any number of lines and then "done":
 *   inject MESSAGE | show plain|private TEXT | event NAME [DETAIL]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* message.h needs proto.h before it. */
#include <libotr/proto.h>

#include <libotr/instag.h>
#include <libotr/message.h>
#include <libotr/privkey.h>

#define LINE_MAX_BYTES (1 << 20)

static const char *const PEER = "peer@home.test";
static const char *account;
static const char *protocol;
static OtrlUserState state;
static OtrlPolicy versions;

static void print_hex(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) printf("%02x", (unsigned char)bytes[i]);
}

static void event(const char *name) { printf("event %s\n", name); }

static OtrlPolicy policy(void *data, ConnContext *context) {
    (void)data;
    (void)context;
    return versions;
}

static int is_logged_in(void *data, const char *a, const char *p, const char *recipient) {
    (void)data;
    (void)a;
    (void)p;
    (void)recipient;
    return 1;
}

static void inject(void *data, const char *a, const char *p, const char *to, const char *message) {
    (void)data;
    (void)a;
    (void)p;
    (void)to;
    printf("inject ");
    print_hex(message, strlen(message));
    printf("\n");
}

static void secure(const char *name, ConnContext *context) {
    printf("event %s ", name);
    print_hex((const char *)context->sessionid, context->sessionid_len);
    printf("\n");
}

static void gone_secure(void *data, ConnContext *context) {
    (void)data;
    secure("secure", context);
}

static void still_secure(void *data, ConnContext *context, int is_reply) {
    (void)data;
    (void)is_reply;
    secure("secure", context);
}

static void gone_insecure(void *data, ConnContext *context) {
    (void)data;
    (void)context;
    event("insecure");
}

static void received_symkey(void *data, ConnContext *context, unsigned int use,
                            const unsigned char *use_data, size_t length,
                            const unsigned char *key) {
    (void)data;
    (void)context;
    (void)use;
    (void)use_data;
    (void)length;
    printf("event symkey ");
    print_hex((const char *)key, OTRL_EXTRAKEY_BYTES);
    printf("\n");
}

static const char *error_message(void *data, ConnContext *context, OtrlErrorCode code) {
    (void)data;
    (void)context;
    (void)code;
    return "cannot read that";
}

static void error_message_free(void *data, const char *message) {
    (void)data;
    (void)message;
}

static void create_instag(void *data, const char *a, const char *p) {
    (void)data;
    otrl_instag_generate(state, "/dev/null", a, p);
}

static void message_event(void *data, OtrlMessageEvent code, ConnContext *context,
                          const char *message, gcry_error_t error) {
    (void)data;
    (void)context;
    (void)message;
    (void)error;
    printf("event message %d\n", (int)code);
}

static void smp_event(void *data, OtrlSMPEvent code, ConnContext *context,
                      unsigned short progress, char *question);

static OtrlMessageAppOps ops = {
    .policy = policy,
    .is_logged_in = is_logged_in,
    .inject_message = inject,
    .gone_secure = gone_secure,
    .gone_insecure = gone_insecure,
    .still_secure = still_secure,
    .received_symkey = received_symkey,
    .otr_error_message = error_message,
    .otr_error_message_free = error_message_free,
    .handle_smp_event = smp_event,
    .handle_msg_event = message_event,
    .create_instag = create_instag,
};

static void smp_event(void *data, OtrlSMPEvent code, ConnContext *context,
                      unsigned short progress, char *question) {
    (void)progress;
    switch (code) {
    case OTRL_SMPEVENT_ASK_FOR_SECRET:
        event("smp-ask");
        break;
    case OTRL_SMPEVENT_ASK_FOR_ANSWER:
        printf("event smp-question ");
        print_hex(question, strlen(question));
        printf("\n");
        break;
    case OTRL_SMPEVENT_SUCCESS:
        event("smp-same");
        break;
    case OTRL_SMPEVENT_FAILURE:
        event("smp-different");
        break;
    case OTRL_SMPEVENT_IN_PROGRESS:
    case OTRL_SMPEVENT_NONE:
        break;
    default:
        /* The application has to tell the other side. */
        otrl_message_abort_smp(state, &ops, data, context);
        event("smp-aborted");
    }
}

static char *from_hex(const char *text) {
    size_t length = text ? strlen(text) / 2 : 0;
    char *bytes = calloc(length + 1, 1);
    for (size_t i = 0; bytes && i < length; i++) {
        unsigned int byte = 0;
        sscanf(text + 2 * i, "%2x", &byte);
        bytes[i] = (char)byte;
    }
    if (!bytes) exit(2);
    return bytes;
}

static ConnContext *context(void) {
    return otrl_context_find(state, PEER, account, protocol, OTRL_INSTAG_BEST, 0, NULL, NULL, NULL);
}

static void receive(const char *message) {
    char *shown = NULL;
    OtrlTLV *tlvs = NULL;
    int internal = otrl_message_receiving(state, &ops, NULL, account, protocol, PEER, message,
                                          &shown, &tlvs, NULL, NULL, NULL);
    if (otrl_tlv_find(tlvs, OTRL_TLV_DISCONNECTED)) event("disconnected");
    otrl_tlv_free(tlvs);
    if (!internal) {
        const char *text = shown ? shown : message;
        printf("show %s ", shown ? "private" : "plain");
        print_hex(text, strlen(text));
        printf("\n");
    }
    otrl_message_free(shown);
}

static void send_text(const char *text) {
    char *encrypted = NULL;
    gcry_error_t error =
        otrl_message_sending(state, &ops, NULL, account, protocol, PEER, OTRL_INSTAG_BEST, text,
                             NULL, &encrypted, OTRL_FRAGMENT_SEND_ALL, NULL, NULL, NULL);
    if (error) event("cannot-send");
    else if (!encrypted) inject(NULL, account, protocol, PEER, text);
    otrl_message_free(encrypted);
}

static void verify(const char *secret, const char *question) {
    const unsigned char *bytes = (const unsigned char *)secret;
    if (question) {
        otrl_message_initiate_smp_q(state, &ops, NULL, context(), question, bytes, strlen(secret));
    } else {
        otrl_message_initiate_smp(state, &ops, NULL, context(), bytes, strlen(secret));
    }
}

static void extra_key(void) {
    unsigned char key[OTRL_EXTRAKEY_BYTES];
    otrl_message_symkey(state, &ops, NULL, context(), 1, (const unsigned char *)"x", 1, key);
    received_symkey(NULL, NULL, 0, NULL, 0, key);
}

/* 0 to stop. */
static int obey(char *line) {
    char *command = strtok(line, " \n");
    char *first = from_hex(strtok(NULL, " \n"));
    char *rest = strtok(NULL, " \n");
    char *second = rest ? from_hex(rest) : NULL;
    int more = 1;
    if (!command) more = 0;
    else if (!strcmp(command, "recv")) receive(first);
    else if (!strcmp(command, "send")) send_text(first);
    else if (!strcmp(command, "query")) {
        char *query = otrl_proto_default_query_msg(account, versions);
        inject(NULL, account, protocol, PEER, query);
        free(query);
    } else if (!strcmp(command, "end")) {
        otrl_message_disconnect_all_instances(state, &ops, NULL, account, protocol, PEER);
    } else if (!strcmp(command, "smp")) verify(first, second);
    else if (!strcmp(command, "answer")) {
        otrl_message_respond_smp(state, &ops, NULL, context(), (const unsigned char *)first,
                                 strlen(first));
    } else if (!strcmp(command, "extra")) extra_key();
    else more = 0;
    free(first);
    free(second);
    printf("done\n");
    fflush(stdout);
    return more;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: peer KEYFILE ACCOUNT PROTOCOL VERSIONS\n");
        return 2;
    }
    account = arguments[2];
    protocol = arguments[3];
    if (strchr(arguments[4], '2')) versions |= OTRL_POLICY_ALLOW_V2;
    if (strchr(arguments[4], '3')) versions |= OTRL_POLICY_ALLOW_V3;
    OTRL_INIT;
    state = otrl_userstate_create();
    if (otrl_privkey_read(state, arguments[1])) {
        fprintf(stderr, "peer: cannot read %s\n", arguments[1]);
        return 1;
    }
    char *line = malloc(LINE_MAX_BYTES);
    while (line && fgets(line, LINE_MAX_BYTES, stdin) && obey(line)) continue;
    free(line);
    otrl_userstate_free(state);
    return 0;
}
