# Completion for rakit-cli, rakit-server, rakit-sim, rakit-lincheck and rakit-log in bash.

# Words that are no options, up to the cursor; fills $positions.
_rakit_positions() {
    local takes_value=$1 i
    positions=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) [[ " $takes_value " != *" ${COMP_WORDS[i]} "* ]] || ((i++)) ;;
        *) positions+=("${COMP_WORDS[i]}") ;;
        esac
    done
}

_rakit_words() { # candidates
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_rakit_cli() {
    local word=$2 previous=$3 positions
    _rakit_positions '-n --database --timeout --cacert --cert --key --sni --user --pass'
    case $previous in
    -n | --database)
        _rakit_words '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15' "$word"
        return
        ;;
    --timeout | --sni | --user | --pass) return ;;
    --cacert | --cert | --key)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames
        return
        ;;
    esac
    case ${#positions[@]} in
    0 | 1) ;;
    2)
        if [[ $word != -* ]]; then
            # The server itself knows best which commands it has.
            _rakit_words "backup verify watch changes status top request_log slow help $(rakit-cli --timeout 1 \
                "${positions[0]}" "${positions[1]}" command list </dev/null 2>/dev/null)" "$word"
            return
        fi
        ;;
    *)
        case ${positions[2]} in
        backup | verify)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames
            ;;
        esac
        return
        ;;
    esac
    if ((${#positions[@]} == 1)) && [[ ${positions[0]} == verify ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames
    elif [[ $word == -* ]]; then
        _rakit_words '-n --database --timeout --no-color --user --pass --tls --cacert --cert --key --sni
            --insecure --help --version' "$word"
    elif ((${#positions[@]} == 0)); then
        mapfile -t COMPREPLY < <(compgen -W verify -A hostname -- "$word")
    fi
}

_rakit_server() {
    local word=$2 previous=$3 positions
    local takes_value='--config --bind --port --contact --data --restore --at --name --replace --cluster-key --announce --peer-port
        --feature-level --election-timeout --heartbeat --request-timeout --max-clients
        --maxmemory --maxdisk --max-output-memory --idle-timeout --feed --snapshot-log
        --snapshot-rate --scrub-period --log-tail --protected-mode --requirepass --log-level
        --log-format --cluster-mode --follower-role
        --sentinel-port --sentinel-name --http --tls-port --tls-cert-file --tls-key-file
        --tls-ca-cert-file --tls-crl-file --tls-auth-clients --tls-cluster --tls-http
        --tls-contact
        --tls-node-name'
    _rakit_positions "${takes_value//$'\n'/ }"
    case $previous in
    --data)
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        compopt -o filenames
        ;;
    --cluster-key | --restore | --config | --tls-cert-file | --tls-key-file | \
        --tls-ca-cert-file | --tls-crl-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames
        ;;
    --protected-mode | --tls-cluster | --tls-http | --tls-contact) _rakit_words 'yes no' "$word" ;;
    --tls-auth-clients) _rakit_words 'yes no optional' "$word" ;;
    --cluster-mode) _rakit_words 'no yes redirect' "$word" ;;
    --follower-role) _rakit_words 'master replica' "$word" ;;
    --log-level) _rakit_words 'debug info warn error' "$word" ;;
    --log-format) _rakit_words 'auto plain logfmt' "$word" ;;
    --announce | --bind | --contact)
        mapfile -t COMPREPLY < <(compgen -A hostname -- "$word")
        ;;
    --at | --name | --replace | --port | --peer-port | --feature-level | --election-timeout | \
        --heartbeat | --request-timeout | --max-clients | --maxmemory | --maxdisk | \
        --max-output-memory | --idle-timeout | --feed | --snapshot-log | --snapshot-rate | \
        --scrub-period | --log-tail | --sentinel-port | --sentinel-name | --http | --tls-port | \
        --tls-node-name) ;;
    *)
        if [[ $word == -* ]]; then
            _rakit_words "$takes_value --check-config --new-cluster --learner --recover --yes --help --version" "$word"
        elif ((${#positions[@]} == 0 || ${#positions[@]} == 2)); then
            mapfile -t COMPREPLY < <(compgen -A hostname -- "$word")
        fi
        ;;
    esac
}

_rakit_sim() {
    case $3 in
    --file | --json)
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
        compopt -o filenames
        ;;
    --only-faults | --without-faults)
        # The last of a list; what stands before it stays.
        local before=
        [[ $2 != *,* ]] || before=${2%,*},
        _rakit_words "none $(rakit-sim --list-faults 2>/dev/null)" "${2##*,}"
        COMPREPLY=("${COMPREPLY[@]/#/$before}")
        ;;
    --seed | --seeds | --from | --time | --jobs | --nodes | --clients | --commands | --seconds | \
        --strikes | --judge-every) ;;
    --mutant)
        # One a line: its name, then what it does.
        _rakit_words "$(rakit-sim --list-mutants 2>/dev/null | awk '{print $1}')" "$2"
        ;;
    *)
        _rakit_words '--seed --seeds --from --file --time --jobs --keep-going --twice --nodes
            --clients --commands --seconds --only-faults --without-faults --strikes --beyond
            --judge-every --trace --quiet --progress --json --shrink --list-faults --mutant --mutants
            --list-mutants --help --version' "$2"
        ;;
    esac
}

_rakit_lincheck() {
    case $3 in
    --timeout | --memory-limit | --explain) ;;
    *)
        if [[ $2 == -* ]]; then
            _rakit_words '--each --timeout --memory-limit --explain --help --version' "$2"
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$2")
            compopt -o filenames
        fi
        ;;
    esac
}

_rakit_log() {
    case $3 in
    --from | --to | --entry | --key) ;;
    *)
        if [[ $2 == -* ]]; then
            _rakit_words '--from --to --entry --key --verify --json --no-color --help --version' "$2"
        else
            mapfile -t COMPREPLY < <(compgen -d -- "$2")
            compopt -o filenames
        fi
        ;;
    esac
}

complete -F _rakit_cli rakit-cli
complete -F _rakit_server rakit-server
complete -F _rakit_sim rakit-sim
complete -F _rakit_lincheck rakit-lincheck
complete -F _rakit_log rakit-log
